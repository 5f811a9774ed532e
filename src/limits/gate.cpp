#include "limits/gate.h"

#include "base/limits.h"

#include <fmt/core.h>

namespace weir::limits {
namespace {

template <class T>
std::string_view bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

} // namespace

Gate::Gate(const config::Limits& rules, const Clock& clock, Random& random)
    : clock_(clock),
      rates_(rate_cells, random),
      rules_(std::make_shared<const config::Limits>(rules)) {
    random.fill(std::as_writable_bytes(std::span(jitter_key_)));
}

void Gate::set_rules(const config::Limits& rules) {
    *rules_.lock() = std::make_shared<const config::Limits>(rules);
}

Error Gate::refusal(std::string_view rule, const config::Rate& rate, std::string_view subject,
                    std::chrono::nanoseconds wait) const {
    // A little later for each subject by its own hash, so that callers do not come back all at
    // once.
    const auto spread = std::min<std::chrono::nanoseconds>(wait / 4, std::chrono::seconds(5));
    const auto jitter = std::chrono::nanoseconds(
        spread.count() == 0
            ? 0
            : static_cast<std::int64_t>(keyed_hash(jitter_key_, subject) %
                                        static_cast<std::uint64_t>(spread.count())));
    const auto after = std::chrono::ceil<std::chrono::milliseconds>(wait + jitter);
    return Error(Errc::rate_limit_exceeded,
                 fmt::format("The rate limit {} ({}) is reached; try again in {:.1f} s.", rule,
                             rate.text(), static_cast<double>(after.count()) / 1000))
        .retry_in(after);
}

Result<void> Gate::admit_address(const Address& address) {
    const auto rules = *rules_.lock();
    if (rules->per_ip.off() || address.is_loopback()) return {};
    // One IPv6 subscriber has a whole /64.
    const Address subject = address.is_v4() ? address : address.prefix(64);
    const Ask ask{"per_ip", bytes_of(subject.bytes), &rules->per_ip};
    const Verdict verdict = rates_.take({&ask, 1}, clock_.steady());
    if (verdict.refused_by < 0) return {};
    return refuse(refusal(ask.rule, *ask.rate, ask.subject, verdict.retry_after));
}

Admission Gate::admit(const Caller& caller) {
    const auto rules = *rules_.lock();
    Admission admission;
    const KeyId key = caller.key->id;
    config::Rate own;
    const config::Rate* per_key = &rules->per_key;
    if (!caller.key->rate.empty()) {
        own = config::Rate::parse(caller.key->rate).value_or(rules->per_key);
        per_key = &own;
    }
    std::array<Ask, 3> asks;
    std::size_t count = 0;
    const std::int64_t team = caller.team ? caller.team->value() : 0;
    if (!per_key->off()) asks[count++] = {"per_key", bytes_of(key), per_key};
    if (!rules->per_user.off())
        asks[count++] = {"per_user", bytes_of(caller.user), &rules->per_user};
    if (!rules->per_team.off() && caller.team)
        asks[count++] = {"per_team", bytes_of(team), &rules->per_team};

    if (rules->concurrent_per_key > 0) {
        auto slot = concurrency_.enter(key, rules->concurrent_per_key);
        if (!slot) {
            Error full(
                Errc::rate_limit_exceeded,
                fmt::format(
                    "The limit concurrent_per_key ({}) is reached: wait until one of the key's "
                    "running requests ends.",
                    rules->concurrent_per_key));
            admission.refusal = std::move(full).retry_in(std::chrono::seconds(1));
            return admission;
        }
        admission.slot.emplace(*std::move(slot));
    }
    if (count == 0) return admission;
    const Verdict verdict = rates_.take(std::span(asks).first(count), clock_.steady());
    if (!per_key->off()) {
        admission.limit = per_key->count;
        admission.remaining = verdict.remaining;
        admission.reset = verdict.reset;
    }
    if (verdict.refused_by >= 0) {
        const Ask& ask = asks[static_cast<std::size_t>(verdict.refused_by)];
        admission.refusal = refusal(ask.rule, *ask.rate, ask.subject, verdict.retry_after);
        admission.slot.reset();
    }
    return admission;
}

} // namespace weir::limits
