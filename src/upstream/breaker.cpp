#include "upstream/breaker.h"

#include <algorithm>
#include <array>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

// Two halves of a window of 30 s.
constexpr auto half_window = 15s;
constexpr std::uint32_t enough = 10; // requests in the window, to judge by their share
constexpr std::uint32_t in_a_row_most = 5;
constexpr std::chrono::milliseconds first_open = 5s;
constexpr std::chrono::milliseconds longest_open = 5min;
constexpr double spread = 0.2; // of an open time, up and down
constexpr auto ramp_step = 10s;
constexpr std::array<double, 2> ramp{0.1, 0.5}; // the share that goes in each step; then all

std::int64_t half_of(SteadyTime now) {
    return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count() /
           std::chrono::seconds(half_window).count();
}

} // namespace

Breaker::Bucket& Breaker::bucket(SteadyTime now) {
    const std::int64_t number = half_of(now);
    Bucket& out = buckets_[static_cast<std::size_t>(number % 2)];
    if (out.number != number) out = {number, 0, 0};
    return out;
}

bool Breaker::is_too_bad(SteadyTime now) const {
    if (in_a_row_ >= in_a_row_most) return true;
    std::uint32_t failures = 0;
    std::uint32_t successes = 0;
    for (const Bucket& one : buckets_)
        if (one.number >= half_of(now) - 1) {
            failures += one.failures;
            successes += one.successes;
        }
    return failures + successes >= enough && failures >= successes;
}

Breaker::State Breaker::state(SteadyTime now) const {
    if (tripped_) return now < until_ ? State::open : State::half_open;
    const bool ramps = well_since_ != SteadyTime() && now - well_since_ < ramp_step * ramp.size();
    return ramps ? State::ramping : State::closed;
}

bool Breaker::admits(SteadyTime now, double chance) const {
    switch (state(now)) {
    case State::closed: return true;
    case State::open: return false;
    case State::half_open: return !probing_;
    case State::ramping: break;
    }
    const auto step = static_cast<std::size_t>((now - well_since_) / ramp_step);
    return chance < ramp[std::min(step, ramp.size() - 1)];
}

void Breaker::begin(SteadyTime now) {
    if (state(now) == State::half_open) probing_ = true;
}

void Breaker::failed(SteadyTime now, double chance) {
    const bool was_probe = tripped_ && now >= until_;
    probing_ = false;
    ++in_a_row_;
    ++bucket(now).failures;
    const bool again = was_probe || state(now) == State::ramping;
    if (!again && (tripped_ || !is_too_bad(now))) return;
    tripped_ = true;
    const auto doubled = first_open * (std::int64_t{1} << std::min(trips_, 10U));
    const auto open = std::min<std::chrono::milliseconds>(doubled, longest_open);
    const double factor = 1 - spread + 2 * spread * chance;
    until_ = now + std::chrono::duration_cast<SteadyTime::duration>(open * factor);
    ++trips_;
}

void Breaker::succeeded(SteadyTime now) {
    probing_ = false;
    in_a_row_ = 0;
    ++bucket(now).successes;
    if (tripped_ && now >= until_) {
        tripped_ = false;
        well_since_ = now;
        buckets_[0] = buckets_[1] = {};
    }
    if (!tripped_ && state(now) == State::closed) trips_ = 0;
}

void Breaker::ended_without_verdict() { probing_ = false; }

bool Breaker::is_idle(SteadyTime now) const {
    const bool quiet = std::ranges::all_of(
        buckets_, [&](const Bucket& one) { return one.number < half_of(now) - 1; });
    return state(now) == State::closed && in_a_row_ == 0 && quiet;
}

} // namespace weir::upstream
