#pragma once
// For our own bugs: aborts a debug build at once; in release it reports through the hook that app
// installs and lets the caller refuse the one request.

#include <source_location>

namespace weir {

// True when the condition holds. In a debug build a broken condition does not return.
bool ensure(bool condition, const char* what,
            std::source_location where = std::source_location::current());

using EnsureHook = void (*)(const char* what, const char* file, unsigned line);
// Called at most once at start, before other threads run.
void set_ensure_hook(EnsureHook hook);

} // namespace weir
