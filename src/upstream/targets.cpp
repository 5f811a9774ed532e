#include "upstream/targets.h"

#include "upstream/codecs.h"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;

// Names come with requests where a pattern is served: what is not in use goes when it is full.
constexpr std::size_t known_most = 4096;
constexpr std::int64_t cached_tokens_least = 1024; // shorter prompts are in no provider's cache
constexpr std::size_t prefix_bytes = 2048;

constexpr double hot_in_flight = 4; // fewer are no load
constexpr double hot_factor = 2;
constexpr double slower_by_ms = 200;
constexpr std::int64_t samples_least = 3;
constexpr double newest_share = 0.3;
constexpr double half_life_s = 30; // of what was seen: one that was slow is tried again

std::string id_of(const Candidate& candidate) {
    return candidate.provider->name + "\n" + candidate.model;
}

std::string id_of(const Candidate& candidate, std::string_view group) {
    return fmt::format("{}\n{}\n{}", candidate.provider->name, group, candidate.model);
}

// What a target cannot do of what is asked, or null.
const char* lack_of(const Candidate& candidate, const chat::Needs& needs) {
    const config::Target& target = *candidate.target;
    if (codec_for(candidate.provider->dialect, needs.task) == nullptr ||
        (needs.task != chat::Task::chat && candidate.provider->dialect == config::Dialect::demo))
        return "model";
    if (target.context > 0 && needs.tokens > target.context) return "messages";
    if (target.features.empty()) return nullptr; // nothing is said of it
    const auto lacks = [&](std::string_view feature) {
        return std::ranges::find(target.features, feature) == target.features.end();
    };
    if (needs.tools && lacks("tools")) return "tools";
    if (needs.vision && lacks("vision")) return "messages";
    if (needs.json && lacks("json")) return "response_format";
    return nullptr;
}

Error incapable(std::string_view field, const Route& route, const chat::Needs& needs) {
    std::string message = fmt::format("Invalid '{}': no target of '{}' takes ", field, route.name);
    if (field == "tools") message += "tools.";
    else if (field == "model") message += "embeddings.";
    else if (field == "response_format") message += "structured output.";
    else if (needs.vision) message += "images, or so much context.";
    else message += fmt::format("about {} tokens of context.", needs.tokens);
    return Error(Errc::invalid_value, std::move(message)).at(std::string(field));
}

} // namespace

std::string_view name(Breaker::State state) {
    switch (state) {
    case Breaker::State::closed: return "closed";
    case Breaker::State::open: return "open";
    case Breaker::State::half_open: return "half open";
    case Breaker::State::ramping: return "ramping";
    }
    return "closed";
}

double Targets::chance() {
    // The golden ratio's multiples fill the unit evenly (Weyl 1916).
    const double at = static_cast<double>(chances_.fetch_add(1, std::memory_order_relaxed));
    const double point = at * 0.6180339887498949;
    return point - std::floor(point);
}

Targets::Health& Targets::health(Table& table, const std::string& id) {
    if (table.size() >= known_most && !table.contains(id)) {
        const SteadyTime now = clock_.steady();
        std::erase_if(table, [&](const auto& entry) {
            return entry.second.in_flight == 0 && entry.second.breaker.is_idle(now);
        });
    }
    return table[id];
}

Targets::Load Targets::load_of(const Table& table, const Candidate& candidate, SteadyTime now) {
    const auto found = table.find(id_of(candidate));
    if (found == table.end()) return {};
    const Health& known = found->second;
    Load out;
    out.in_flight =
        static_cast<double>(known.in_flight) / static_cast<double>(candidate.target->weight);
    if (known.samples >= samples_least) {
        const std::chrono::duration<double> age = now - known.sampled;
        out.first_event_ms = known.first_event_ms * std::exp2(-age.count() / half_life_s);
    }
    return out;
}

// Each stands in the cycle as often as it weighs.
std::size_t Targets::pick(const std::vector<const Candidate*>& tier, std::uint64_t turn) {
    std::uint64_t weights = 0;
    for (const Candidate* const candidate : tier)
        weights += static_cast<std::uint64_t>(candidate->target->weight);
    std::uint64_t point = turn % weights;
    std::size_t out = 0;
    while (point >= static_cast<std::uint64_t>(tier[out]->target->weight))
        point -= static_cast<std::uint64_t>(tier[out++]->target->weight);
    return out;
}

// Weighted rendezvous hashing: when a target goes or comes, only its own share moves (Thaler and
// Ravishankar 1998; the weights as in Schindelhauer and Schomaker 2005).
std::size_t Targets::pick_sticky(const std::vector<const Candidate*>& tier, std::uint64_t hash) {
    std::size_t best = 0;
    double most = -1;
    for (std::size_t i = 0; i < tier.size(); ++i) {
        std::uint64_t mixed = hash ^ std::hash<std::string>{}(id_of(*tier[i]));
        mixed = (mixed ^ (mixed >> 33U)) * 0xff51afd7ed558ccdULL;
        mixed = (mixed ^ (mixed >> 33U)) * 0xc4ceb9fe1a85ec53ULL;
        mixed ^= mixed >> 33U;
        const double unit = (static_cast<double>(mixed >> 11U) + 0.5) * 0x1.0p-53;
        const double score = -static_cast<double>(tier[i]->target->weight) / std::log(unit);
        if (score > most) {
            most = score;
            best = i;
        }
    }
    return best;
}

std::optional<std::uint64_t> Targets::stickiness(const chat::ChatRequest& request) {
    if (request.input_tokens_estimate() < cached_tokens_least) return std::nullopt;
    std::string beginning;
    for (const chat::Message& message : request.messages()) {
        for (const std::string_view text : message.texts)
            beginning += text.substr(0, prefix_bytes - std::min(prefix_bytes, beginning.size()));
        if (beginning.size() >= prefix_bytes) break;
    }
    return std::hash<std::string>{}(beginning);
}

Result<std::vector<const Candidate*>> Targets::order(const Route& route,
                                                     const chat::ChatRequest& request) {
    std::vector<const Candidate*> able;
    able.reserve(route.candidates.size());
    const chat::Needs needs = request.needs();
    const char* lack = nullptr;
    for (const Candidate& candidate : route.candidates) {
        const char* const why = lack_of(candidate, needs);
        if (why == nullptr) able.push_back(&candidate);
        else if (lack == nullptr) lack = why;
    }
    if (able.empty() && lack != nullptr) return std::unexpected(incapable(lack, route, needs));
    const SteadyTime now = clock_.steady();
    auto table = table_.lock();
    if (able.size() < 2 && table->empty()) return able;

    const Candidate* least_bad = nullptr;
    SteadyTime soonest = SteadyTime::max();
    std::vector<const Candidate*> out;
    out.reserve(able.size());
    const auto sticky = able.size() < 2 ? std::nullopt : stickiness(request);
    const std::uint64_t turn = turn_.fetch_add(1, std::memory_order_relaxed);
    for (auto from = able.begin(); from != able.end();) {
        const std::int64_t number = (*from)->target->tier;
        const auto end = std::find_if(
            from, able.end(), [&](const Candidate* c) { return c->target->tier != number; });
        std::vector<const Candidate*> tier;
        for (auto it = from; it != end; ++it) {
            const auto found = table->find(id_of(**it));
            if (found == table->end() || found->second.breaker.admits(now, chance())) {
                tier.push_back(*it);
            } else if (found->second.breaker.opens_again() < soonest) {
                soonest = found->second.breaker.opens_again();
                least_bad = *it;
            }
        }
        from = end;
        if (tier.empty()) continue;
        std::size_t first = sticky ? pick_sticky(tier, *sticky) : pick(tier, turn);
        if (tier.size() > 1) {
            const std::size_t other =
                tier.size() == 2 ? 1 - first : (first + 1 + turn % (tier.size() - 1)) % tier.size();
            const Load mine = load_of(*table, *tier[first], now);
            const Load others = load_of(*table, *tier[other], now);
            const bool crowded = mine.in_flight > hot_in_flight &&
                                 mine.in_flight > hot_factor * (others.in_flight + 1);
            const bool slow = others.first_event_ms > 0 &&
                              mine.first_event_ms > hot_factor * others.first_event_ms &&
                              mine.first_event_ms > others.first_event_ms + slower_by_ms;
            if (crowded || slow) first = other;
        }
        std::swap(tier[0], tier[first]);
        std::ranges::move(tier, std::back_inserter(out));
    }
    if (out.empty() && least_bad != nullptr) out.push_back(least_bad);
    return out;
}

bool Targets::admits(const Candidate& candidate, std::string_view group) {
    if (group.empty()) return true;
    auto table = table_.lock();
    if (table->empty()) return true;
    const auto found = table->find(id_of(candidate, group));
    return found == table->end() || found->second.breaker.admits(clock_.steady(), chance());
}

Targets::Use::Use(Targets& targets, const Candidate& candidate, std::string_view group)
    : targets_(targets),
      target_(id_of(candidate)),
      group_(group.empty() ? std::string() : id_of(candidate, group)),
      begun_(targets.clock_.steady()) {
    auto table = targets_.table_.lock();
    Health& known = targets_.health(*table, target_);
    ++known.in_flight;
    known.breaker.begin(begun_);
    if (const auto of_group = table->find(group_); of_group != table->end())
        of_group->second.breaker.begin(begun_);
}

Targets::Use::~Use() {
    auto table = targets_.table_.lock();
    Health& known = (*table)[target_];
    --known.in_flight;
    if (!judged_) {
        known.breaker.ended_without_verdict();
        if (const auto of_group = table->find(group_); of_group != table->end())
            of_group->second.breaker.ended_without_verdict();
    }
}

void Targets::Use::succeeded() {
    judged_ = true;
    const SteadyTime now = targets_.clock_.steady();
    auto table = targets_.table_.lock();
    Health& known = (*table)[target_];
    known.breaker.succeeded(now);
    if (const auto of_group = table->find(group_); of_group != table->end())
        of_group->second.breaker.succeeded(now);
    const std::chrono::duration<double, std::milli> took = now - begun_;
    // A peak counts at once, and fades.
    known.first_event_ms =
        known.samples == 0 || took.count() > known.first_event_ms
            ? took.count()
            : known.first_event_ms + newest_share * (took.count() - known.first_event_ms);
    ++known.samples;
    known.sampled = now;
}

void Targets::Use::failed() {
    judged_ = true;
    const SteadyTime now = targets_.clock_.steady();
    const double chance = targets_.chance();
    auto table = targets_.table_.lock();
    (*table)[target_].breaker.failed(now, chance);
    if (!group_.empty()) targets_.health(*table, group_).breaker.failed(now, chance);
}

Targets::View Targets::view(const Candidate& candidate) {
    const SteadyTime now = clock_.steady();
    auto table = table_.lock();
    View out;
    const auto found = table->find(id_of(candidate));
    if (found == table->end()) return out;
    const Health& known = found->second;
    out.breaker = known.breaker.state(now);
    if (out.breaker == Breaker::State::open)
        out.opens_in =
            std::chrono::ceil<std::chrono::milliseconds>(known.breaker.opens_again() - now);
    out.in_flight = known.in_flight;
    out.first_event = std::chrono::milliseconds(static_cast<std::int64_t>(known.first_event_ms));
    return out;
}

} // namespace weir::upstream
