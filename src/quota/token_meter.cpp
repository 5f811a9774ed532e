#include "quota/token_meter.h"

#include "base/limits.h"

#include <algorithm>
#include <cmath>

namespace weir::quota {
namespace {

constexpr std::uint32_t learned_of = 16;    // one answer in so many
constexpr std::int64_t trusted_answers = 3; // before that four bytes are taken for a token
constexpr double newest_weight = 1.0 / 16;
// What a provider says beyond these is not about the text.
constexpr double ratio_min = 0.2;
constexpr double ratio_max = 5;

} // namespace

net::Task<std::int64_t> TokenMeter::count(net::Loop& loop, std::string text, std::string model) {
    const chat::Counting counting = chat::counting_of(model);
    const bool exact = counting.exactness == chat::Counting::Exactness::exact;
    const std::optional<double> ratio = exact ? 1.0 : ratio_of(model);
    if (!ratio) co_return static_cast<std::int64_t>((text.size() + 3) / 4);
    std::int64_t tokens = 0;
    if (text.size() <= limits::tokens_inline_bytes) {
        tokens = chat::count_tokens(text, counting.encoding);
    } else {
        const std::size_t bytes = text.size();
        waiting_bytes_ += bytes;
        std::move_only_function<std::int64_t()> work = [this, words = std::move(text), counting] {
            const std::int64_t counted = chat::count_tokens(words, counting.encoding);
            waiting_bytes_ -= words.size();
            return counted;
        };
        tokens = co_await pool_.run(loop, std::move(work));
    }
    co_return exact ? tokens : std::llround(static_cast<double>(tokens) * *ratio);
}

net::Task<std::optional<std::int64_t>> TokenMeter::try_count(net::Loop& loop, std::string text,
                                                             std::string model) {
    if (waiting_bytes_ + text.size() > limits::tokens_waiting_bytes) co_return std::nullopt;
    co_return co_await count(loop, std::move(text), std::move(model));
}

std::optional<double> TokenMeter::ratio_of(std::string_view model) {
    auto models = models_.lock();
    const auto known = models->find(model);
    if (known == models->end() || known->second.answers < trusted_answers) return std::nullopt;
    return known->second.ratio;
}

bool TokenMeter::wants(std::string_view model) {
    if (is_exact(model)) return false;
    return turn_.fetch_add(1, std::memory_order_relaxed) % learned_of == 0;
}

void TokenMeter::learn(std::string_view model, std::string_view text, std::int64_t reported) {
    if (text.empty() || text.size() > limits::tokens_inline_bytes || reported <= 0) return;
    const std::int64_t counted = chat::count_tokens(text, chat::Encoding::o200k_base);
    const double ratio = std::clamp(static_cast<double>(reported) / static_cast<double>(counted),
                                    ratio_min, ratio_max);
    auto models = models_.lock();
    auto known = models->find(model);
    if (known == models->end()) {
        if (models->size() >= limits::calibrated_models) models->erase(models->begin());
        known = models->emplace(model, Experience{ratio, 0}).first;
    }
    Experience& experience = known->second;
    ++experience.answers;
    const double weight = std::max(newest_weight, 1.0 / static_cast<double>(experience.answers));
    experience.ratio += (ratio - experience.ratio) * weight;
}

} // namespace weir::quota
