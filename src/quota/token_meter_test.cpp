#include "quota/token_meter.h"

#include "net/system_clock.h"

#include <gtest/gtest.h>

namespace weir::quota {
namespace {

class TokenMeterTest : public testing::Test {
protected:
    std::int64_t count(std::string text, std::string model) {
        net::Loop loop(clock);
        std::int64_t out = -1;
        const auto body = [](TokenMeter& meter, net::Loop& mine, std::string words,
                             std::string name, std::int64_t& result) -> net::Task<void> {
            result = co_await meter.count(mine, std::move(words), std::move(name));
            mine.stop();
        };
        loop.spawn(body(meter, loop, std::move(text), std::move(model), out));
        loop.run_for(std::chrono::seconds(20));
        return out;
    }
    net::SystemClock clock;
    net::BlockingPool pool{1};
    TokenMeter meter{pool};
};

TEST_F(TokenMeterTest, counts_exactly_what_it_knows_also_where_that_is_long) {
    EXPECT_EQ(count("antidisestablishmentarianism", "gpt-4"), 6);
    std::string text;
    for (int i = 0; i < 20'000; ++i) text += " word";
    EXPECT_EQ(count(text, "openai/gpt-4o"), 20'000);
}

TEST_F(TokenMeterTest, takes_four_bytes_for_a_token_until_a_provider_has_counted) {
    EXPECT_EQ(count("some words of a model nobody knows", "nobody"), 9);
    for (int i = 0; i < 3; ++i) meter.learn("nobody", " word word word word", 8);
    EXPECT_EQ(count(" word word", "nobody"), 4);
    EXPECT_EQ(count(" word word", "somebody else"), 3);
}

TEST_F(TokenMeterTest, one_absurd_report_does_not_spoil_what_was_learned) {
    for (int i = 0; i < 40; ++i) meter.learn("m", " word word word word", 4);
    meter.learn("m", " word word word word", 1'000'000);
    EXPECT_LE(count(std::string(" word word word word"), "m"), 5);
}

TEST_F(TokenMeterTest, learns_from_few_answers_and_from_none_that_it_can_count) {
    int wanted = 0;
    for (int i = 0; i < 160; ++i) wanted += meter.wants("m") ? 1 : 0;
    EXPECT_EQ(wanted, 10);
    EXPECT_FALSE(meter.wants("gpt-4o"));
}

} // namespace
} // namespace weir::quota
