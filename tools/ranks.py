"""The layer graph of src/ as data: who may include whom, and which headers belong to which folder.

A folder includes only folders of a lower rank; equal ranks never include each other.
tools/check_layers enforces it; ARCHITECTURE.md tells the story.
"""

RANKS = {
    "base": 0,
    "json": 1,
    "wire": 1,
    "record": 1,
    "audit": 1,
    "config": 2,
    "chat": 2,
    "net": 2,
    "access": 3,
    "limits": 3,
    "filter": 3,
    "quota": 3,
    "streams": 3,
    "dialects": 3,
    "cache": 4,
    "conversations": 4,
    "upstream": 4,
    "observe": 4,
    "sign_in": 4,
    "gateway": 5,
    "storage": 5,
    "endpoints": 6,
    "app": 7,
}

# Files that lie in src/ itself, such as main.cpp, may include every folder.
MAIN_LINES = 60

# These folders do no I/O and know no time, chance or threads of their own.
PURE = {"base", "json", "wire", "record", "audit", "chat", "filter", "dialects"}

# (header pattern, what to use instead). A pattern is a regular expression over what stands between
# the brackets of an include.
IMPURE_HEADERS = [
    (r"(fstream|iostream|istream|ostream|filesystem|cstdio|stdio\.h|print)",
     "text in, text out: files belong to config/, storage/ and app/"),
    (r"(random|sys/random\.h)", "the Random interface of base/"),
    (r"thread|future|condition_variable|semaphore|latch|barrier|stop_token|shared_mutex|pthread\.h",
     "no threads of its own: pass a Guarded or a value"),
    (r"mutex", "Guarded of base/guarded.h"),
    (r"boost/.*", "the folders that do I/O: net/ and above"),
    (r"(sys|netinet|arpa|net|linux)/.*", "the folders that do I/O: net/ and above"),
    (r"(unistd|fcntl|netdb|poll|signal|dirent|termios|time)\.h|csignal|ctime",
     "the folders that do I/O: net/ and above"),
]
# (file, header) pairs that are the one place for it.
PURE_EXCEPTIONS = {("base/guarded.h", "mutex"), ("base/ensure.cpp", "cstdio")}

# (header pattern, folders that may see it, what to use instead). Each library has one home, so that
# few files pay for its headers and replacing it touches one folder.
HOMES = [
    (r"(sqlite3(ext)?\.h|libpq-fe\.h|postgres_ext\.h|hiredis/.*)", {"storage"},
     "an interface of access/, quota/ … that storage/ implements"),
    (r"simdjson(\.h|/.*)", {"json"}, "json/document.h"),
    (r"openssl/.*", {"net"}, "a header of net/"),
    (r"(sys/(socket|un|epoll|eventfd)|netinet/.*|arpa/.*|netdb|poll)(\.h)?", {"net"},
     "a header of net/"),
    (r"hs(/.*|\.h)|hs_.*", {"filter"}, "filter/"),
    (r"yaml-cpp/.*", {"config"}, "config/"),
    (r"date/.*", {"config"}, "config/time_zone.h"),
    (r"spdlog/.*", {"observe"}, "a Record or an Event; observe/ writes the log"),
    (r"CLI/.*", {"app"}, "app/command_line.h"),
    (r"sodium(\.h|/.*)", {"base", "access", "storage"}, "base/digest.h or base/secret.h"),
    (r"unicode/.*", {"base", "chat", "filter"}, "chat/ or filter/"),
]
