#pragma once
// How many tokens a text is for a model, where no provider has said so: exactly, for models whose
// vocabulary is built in; else by what the model's provider reported of earlier answers, beside
// o200k_base's count of them; before it has reported any, four bytes a token.
// Thread: any, except where a loop is named.

#include "base/guarded.h"
#include "chat/tokenizer.h"
#include "net/blocking_pool.h"

#include <atomic>
#include <map>
#include <optional>
#include <string>

namespace weir::quota {

class TokenMeter {
public:
    explicit TokenMeter(net::BlockingPool& pool) : pool_(pool) {}

    // Whether count() is the truth for this model, as its provider knows it.
    static bool is_exact(std::string_view model) {
        return chat::counting_of(model).exactness == chat::Counting::Exactness::exact;
    }
    // A long text is counted on the pool.
    WEIR_OWN_FRAME net::Task<std::int64_t> count(net::Loop& loop, std::string text,
                                                 std::string model);

    // The same where it costs little beside what waits already; else nullopt.
    WEIR_OWN_FRAME net::Task<std::optional<std::int64_t>>
    try_count(net::Loop& loop, std::string text, std::string model);

    // Whether the next answer of this model should be learned from; asks for few of them.
    bool wants(std::string_view model);
    // A provider has counted a text that it produced.
    void learn(std::string_view model, std::string_view text, std::int64_t reported);

private:
    struct Experience {
        double ratio = 1;
        std::int64_t answers = 0;
    };
    std::optional<double> ratio_of(std::string_view model);

    net::BlockingPool& pool_;
    std::atomic<std::uint32_t> turn_ = 0;
    std::atomic<std::size_t> waiting_bytes_ = 0; // given to the pool, and not counted yet
    Guarded<std::map<std::string, Experience, std::less<>>> models_;
};

} // namespace weir::quota
