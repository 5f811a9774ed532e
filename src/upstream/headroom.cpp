#include "upstream/headroom.h"

#include <algorithm>
#include <cmath>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// Names come with requests where a pattern is served: when there are as many, all are forgotten.
constexpr std::size_t rooms_most = 4096;
constexpr auto believed_for = 1min;

std::string id_of(const Candidate& candidate, std::string_view group) {
    std::string out = candidate.provider->name;
    out += '\n';
    out += group;
    out += '\n';
    return out += candidate.model;
}

double ms_between(SteadyTime from, SteadyTime to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

} // namespace

double Headroom::Bucket::now(SteadyTime now) const {
    return std::min(static_cast<double>(limit), left + a_ms * ms_between(at, now));
}

milliseconds Headroom::Bucket::wait(double need, SteadyTime now) const {
    if (limit == 0) return 0ms;
    const double missing = std::min(need, static_cast<double>(limit)) - this->now(now);
    if (missing <= 1e-6) return 0ms;
    return milliseconds(static_cast<std::int64_t>(std::ceil(missing / a_ms - 1e-6)));
}

Headroom::Bucket Headroom::bucket_of(const std::optional<dialects::Remaining>& said,
                                     SteadyTime now) {
    if (!said) return {};
    const auto missing = static_cast<double>(said->limit - said->left);
    const auto ms = static_cast<double>(said->full_in.count());
    // Where nothing is missing its speed is not said: most count by the minute.
    const double a_ms =
        missing > 0 && ms > 0 ? missing / ms : static_cast<double>(said->limit) / 60'000;
    const bool full = ms == 0;
    return {said->limit, static_cast<double>(full ? said->limit : said->left), now, a_ms};
}

std::optional<milliseconds> Headroom::take(const Candidate& candidate, std::string_view group,
                                           std::int64_t tokens) {
    auto rooms = rooms_.lock();
    if (rooms->empty()) return std::nullopt;
    const auto found = rooms->find(id_of(candidate, group));
    if (found == rooms->end()) return std::nullopt;
    Room& room = found->second;
    const SteadyTime now = clock_.steady();
    if (now - room.said >= believed_for) return std::nullopt;
    const auto need = static_cast<double>(tokens);
    const milliseconds wait = std::max(room.requests.wait(1, now), room.tokens.wait(need, now));
    const milliseconds longest = std::chrono::ceil<milliseconds>(room.said + believed_for - now);
    if (wait > 0ms) return std::min(wait, longest);
    room.requests.left -= 1;
    room.tokens.left -= need;
    return std::nullopt;
}

void Headroom::note(const Candidate& candidate, std::string_view group,
                    const dialects::ProviderLimits& said) {
    auto rooms = rooms_.lock();
    if (rooms->size() >= rooms_most) rooms->clear();
    const SteadyTime now = clock_.steady();
    (*rooms)[id_of(candidate, group)] = {bucket_of(said.requests, now), bucket_of(said.tokens, now),
                                         now};
}

} // namespace weir::upstream
