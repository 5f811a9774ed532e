# Compiler, warnings, hardening and sanitizers. The supported compiler is clang 19: g++ 12 miscompiles
# coroutine code (temporaries inside a co_await expression are destroyed twice).
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Weir is built with clang 19 or newer; run script/bootstrap, then script/build")
endif()

set(WEIR_SANITIZE "" CACHE STRING "address,undefined | thread | fuzzer")
option(WEIR_FUZZ "build the fuzz targets" OFF)

add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
target_link_options(weir_flags INTERFACE -fuse-ld=lld-19)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(weir_flags INTERFACE -flto=thin -fstack-protector-strong -fcf-protection
    -ftrivial-auto-var-init=zero)
  target_compile_definitions(weir_flags INTERFACE _FORTIFY_SOURCE=2 _GLIBCXX_ASSERTIONS)
  target_link_options(weir_flags INTERFACE -flto=thin -pie -Wl,-z,relro,-z,now,-z,noexecstack
    -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto-cache)
endif()

if(WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(weir_flags INTERFACE -fsanitize=${WEIR_SANITIZE})
endif()
if(WEIR_FUZZ)
  target_compile_options(weir_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
