#include "quota/refusal.h"

#include "base/text.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::quota {
namespace {

std::string owner(Scope scope) {
    switch (scope) {
    case Scope::key: return "this key";
    case Scope::user: return "this user";
    case Scope::team: return "this team";
    case Scope::everyone: return "everyone together";
    }
    return "this key";
}

std::string_view adjective(Period period) {
    switch (period) {
    case Period::day: return "daily ";
    case Period::week: return "weekly ";
    case Period::month: return "monthly ";
    case Period::total: return "";
    }
    return "";
}

std::string amount(Unit unit, std::int64_t value) {
    if (unit == Unit::nanousd) return fmt::format("${:.6f}", static_cast<double>(value) / 1e9);
    return fmt::format("{}", value);
}

// The largest max_tokens that the rest of the budget could pay for; 0 where none could.
std::int64_t fitting_max_tokens(Unit unit, std::int64_t left, const Bound& bound) {
    if (unit == Unit::requests || bound.output_tokens <= 0) return 0;
    if (unit == Unit::tokens)
        return std::max<std::int64_t>(0, left - bound.input_tokens) / bound.choices;
    if (bound.output_nanousd <= 0) return 0;
    const double per_token =
        static_cast<double>(bound.output_nanousd) / static_cast<double>(bound.output_tokens);
    const auto for_output =
        static_cast<double>(std::max<std::int64_t>(0, left - bound.input_nanousd));
    return static_cast<std::int64_t>(for_output / per_token) / bound.choices;
}

} // namespace

Error refusal(const Account& account, const Window& window, const Bound& bound, std::int64_t needed,
              WallTime now) {
    const std::string unit(account.unit == Unit::requests ? "request" : config::name(account.unit));
    const std::int64_t left =
        std::max<std::int64_t>(0, *account.limit - window.settled - window.held);
    std::string message = fmt::format("The {}{} budget of {} ", adjective(account.period), unit,
                                      owner(account.subject.scope));
    if (left == 0 || account.unit == Unit::requests) {
        message +=
            fmt::format("is used up: {} of {} spent, {} held by running requests.",
                        amount(account.unit, window.settled), amount(account.unit, *account.limit),
                        amount(account.unit, window.held));
    } else {
        message += fmt::format("has {} left, and this request may need {}.",
                               amount(account.unit, left), amount(account.unit, needed));
        const std::int64_t fits = fitting_max_tokens(account.unit, left, bound);
        if (fits > 0) message += fmt::format(" A max_tokens of at most {} would fit.", fits);
        else if (bound.input_tokens > 0) message += " Its input alone is more than that.";
    }
    if (window.span.end == never_ends) {
        message += " It does not reset.";
        return Error(Errc::quota_exceeded, std::move(message));
    }
    const WallTime resets{std::chrono::seconds(window.span.end)};
    message += fmt::format(" It resets at {}.", format_time(resets));
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(resets - now);
    return Error(Errc::quota_exceeded, std::move(message)).retry_in(wait);
}

std::string reached_text(const Account& account, const Window& window, std::int64_t percent,
                         std::string_view subject) {
    const std::string whose =
        subject.empty() ? owner(account.subject.scope)
                        : fmt::format("{} {}", config::name(account.subject.scope), subject);
    return fmt::format("{} % of the {}{} budget of {} is spent: {} of {}", percent,
                       adjective(account.period), config::name(account.unit), whose,
                       amount(account.unit, window.settled), amount(account.unit, *account.limit));
}

} // namespace weir::quota
