#pragma once
// What goes wrong in one history: the first broken promise, and, where somebody wants to read them,
// the steps that led to it.

#include <cstdio>
#include <fmt/core.h>
#include <string>
#include <utility>

namespace weir::simulation {

class Report {
public:
    enum class Steps : std::uint8_t { untold, told };
    explicit Report(Steps steps) : steps_(steps) {}

    template <class... Args>
    bool check(bool condition, fmt::format_string<Args...> what, Args&&... args) {
        if (condition) [[likely]]
            return true;
        if (broken_.empty()) {
            broken_ = fmt::format(what, std::forward<Args>(args)...);
            tell("  BROKEN: {}", broken_);
        }
        return false;
    }
    template <class... Args>
    void tell(fmt::format_string<Args...> what, Args&&... args) {
        if (steps_ == Steps::untold) [[likely]]
            return;
        std::fputs((fmt::format(what, std::forward<Args>(args)...) + "\n").c_str(), stdout);
        std::fflush(stdout);
    }

    bool is_broken() const { return !broken_.empty(); }
    const std::string& broken() const { return broken_; }

private:
    Steps steps_;
    std::string broken_;
};

} // namespace weir::simulation
