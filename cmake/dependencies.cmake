# Everything comes from Debian 12; script/bootstrap installs it.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(date REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(simdjson REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(sqlite3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(icu REQUIRED IMPORTED_TARGET icu-uc)
pkg_check_modules(hs REQUIRED IMPORTED_TARGET libhs)

# The token vocabularies come from npm, as data.
set(WEIR_TOKEN_RANKS ${CMAKE_SOURCE_DIR}/.tools/tokens/node_modules/js-tiktoken/dist/ranks)
if(NOT EXISTS ${WEIR_TOKEN_RANKS}/o200k_base.js)
  message(FATAL_ERROR "the token vocabularies are missing; run script/bootstrap, then script/build")
endif()

