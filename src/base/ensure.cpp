#include "base/ensure.h"

#include <cstdio>
#include <cstdlib>

namespace weir {
namespace {

EnsureHook report = [](const char* what, const char* file, unsigned line) {
    std::fprintf(stderr, "weir: broken invariant: %s (%s:%u)\n", what, file, line);
};

} // namespace

bool ensure(bool condition, const char* what, std::source_location where) {
    if (condition) [[likely]]
        return true;
    report(what, where.file_name(), where.line());
#ifndef NDEBUG
    std::abort();
#endif
    return false;
}

void set_ensure_hook(EnsureHook hook) { report = hook; }

} // namespace weir
