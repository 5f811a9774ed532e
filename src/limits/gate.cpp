#include "limits/gate.h"

#include "base/limits.h"

#include <array>
#include <fmt/core.h>
#include <span>

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

namespace {

// Whom an address stands for: itself, and networks that one hand may hold, which may do more.
struct Ring {
    std::string_view rule;
    int bits;
    std::int64_t times;
};
constexpr std::array<Ring, 2> rings_v4{{{"per_ip", 32, 1}, {"per_ip of a /24", 24, 8}}};
// One IPv6 subscriber has a whole /64 at least.
constexpr std::array<Ring, 3> rings_v6{
    {{"per_ip", 64, 1}, {"per_ip of a /56", 56, 4}, {"per_ip of a /48", 48, 16}}};

std::span<const Ring> rings_of(const Address& address) {
    if (address.is_v4()) return rings_v4;
    return rings_v6;
}

const config::Rate bad_keys = *config::Rate::parse("10/min burst 20");

} // namespace

Result<void> Gate::admit_address(const Address& address) {
    const auto rules = *rules_.lock();
    if (rules->per_ip.off() || address.is_loopback()) return {};
    const std::span<const Ring> rings = rings_of(address);
    std::array<Address, 3> subjects;
    std::array<config::Rate, 3> rates;
    std::array<Ask, 3> asks;
    for (std::size_t i = 0; i < rings.size(); ++i) {
        subjects[i] = address.prefix(rings[i].bits);
        rates[i] = rules->per_ip;
        rates[i].count *= rings[i].times;
        rates[i].burst *= rings[i].times;
        asks[i] = {rings[i].rule, bytes_of(subjects[i].bytes), &rates[i]};
    }
    const Verdict verdict = rates_.take(std::span(asks).first(rings.size()), clock_.steady());
    if (verdict.refused_by < 0) return {};
    const Ask& ask = asks[static_cast<std::size_t>(verdict.refused_by)];
    return refuse(refusal(ask.rule, *ask.rate, ask.subject, verdict.retry_after));
}

Result<void> Gate::may_show_a_key(const Address& address) {
    if (address.is_loopback()) return {};
    const Address subject = address.prefix(rings_of(address)[0].bits);
    Ask ask{"bad_keys", bytes_of(subject.bytes), &bad_keys};
    ask.charge = Ask::Charge::only_judged;
    const Verdict verdict = rates_.take({&ask, 1}, clock_.steady());
    if (verdict.refused_by < 0) return {};
    return refuse(refusal(ask.rule, *ask.rate, ask.subject, verdict.retry_after));
}

void Gate::note_bad_key(const Address& address) {
    if (address.is_loopback()) return;
    const Address subject = address.prefix(rings_of(address)[0].bits);
    rates_.correct({"bad_keys", bytes_of(subject.bytes), &bad_keys}, clock_.steady());
}

void TokenCharge::settle(std::int64_t tokens) {
    if (Gate* const gate = std::exchange(gate_, nullptr))
        gate->correct_tokens(key_, tokens - tokens_);
}

void Gate::correct_tokens(KeyId key, std::int64_t tokens) {
    const auto rules = *rules_.lock();
    if (rules->tokens_per_key.off() || tokens == 0) return;
    rates_.correct({"tokens_per_key", bytes_of(key), &rules->tokens_per_key, tokens},
                   clock_.steady());
}

Admission Gate::admit(const Caller& caller, std::int64_t tokens) {
    const auto rules = *rules_.lock();
    Admission admission;
    const KeyId key = caller.key->id;
    config::Rate own;
    const config::Rate* per_key = &rules->per_key;
    if (!caller.key->rate.empty()) {
        own = config::Rate::parse(caller.key->rate).value_or(rules->per_key);
        per_key = &own;
    }
    std::array<Ask, 4> asks;
    std::size_t count = 0;
    const std::int64_t team = caller.team ? caller.team->value() : 0;
    if (!per_key->off()) asks[count++] = {"per_key", bytes_of(key), per_key};
    if (!rules->per_user.off())
        asks[count++] = {"per_user", bytes_of(caller.user), &rules->per_user};
    if (!rules->per_team.off() && caller.team)
        asks[count++] = {"per_team", bytes_of(team), &rules->per_team};
    const std::size_t token_ask = count;
    const bool counts_tokens = !rules->tokens_per_key.off() && tokens > 0;
    if (counts_tokens)
        asks[count++] = {"tokens_per_key", bytes_of(key), &rules->tokens_per_key, tokens};

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
    // What was not judged any more has nothing to say.
    const auto judged = [&](std::size_t ask) {
        return verdict.refused_by < 0 || ask <= static_cast<std::size_t>(verdict.refused_by);
    };
    if (!per_key->off()) admission.requests = {per_key->count, verdict.left[0]};
    if (counts_tokens && judged(token_ask))
        admission.tokens = {rules->tokens_per_key.count, verdict.left[token_ask]};
    if (counts_tokens && verdict.refused_by < 0) admission.token_charge.emplace(*this, key, tokens);
    if (verdict.refused_by >= 0) {
        const Ask& ask = asks[static_cast<std::size_t>(verdict.refused_by)];
        admission.refusal = refusal(ask.rule, *ask.rate, ask.subject, verdict.retry_after);
        admission.slot.reset();
    }
    return admission;
}

} // namespace weir::limits
