#include "dialects/provider_limits.h"

#include <gtest/gtest.h>

namespace weir::dialects {
namespace {

using namespace std::chrono_literals;

ProviderLimits read(const std::string& lines) {
    const auto fields = wire::Fields::parse(lines);
    EXPECT_TRUE(fields.has_value());
    return read_provider_limits(*fields, WallTime(1'769'860'800s)); // 2026-01-31T12:00:00Z
}

TEST(ProviderLimits, reads_what_OpenAI_says) {
    const auto limits = read("X-RateLimit-Limit-Requests: 60\r\nx-ratelimit-remaining-requests: 59"
                             "\r\nx-ratelimit-reset-requests: 1s\r\n"
                             "x-ratelimit-limit-tokens: 150000\r\nx-ratelimit-remaining-tokens: "
                             "149984\r\nx-ratelimit-reset-tokens: 6m0s\r\n");
    ASSERT_TRUE(limits.requests && limits.tokens);
    EXPECT_EQ(limits.requests->limit, 60);
    EXPECT_EQ(limits.requests->left, 59);
    EXPECT_EQ(limits.requests->full_in, 1s);
    EXPECT_EQ(limits.tokens->left, 149984);
    EXPECT_EQ(limits.tokens->full_in, 6min);
}

TEST(ProviderLimits, reads_what_Anthropic_says_and_takes_the_tokens_of_input) {
    const auto limits =
        read("anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: 0"
             "\r\nanthropic-ratelimit-requests-reset: 2026-01-31T12:00:30Z\r\n"
             "anthropic-ratelimit-tokens-limit: 9\r\nanthropic-ratelimit-tokens-remaining: 1\r\n"
             "anthropic-ratelimit-tokens-reset: 2026-01-31T12:00:30Z\r\n"
             "anthropic-ratelimit-input-tokens-limit: 100\r\n"
             "anthropic-ratelimit-input-tokens-remaining: 80\r\n"
             "anthropic-ratelimit-input-tokens-reset: 2026-01-31T11:00:00Z\r\n");
    ASSERT_TRUE(limits.requests && limits.tokens);
    EXPECT_EQ(limits.requests->left, 0);
    EXPECT_EQ(limits.requests->full_in, 30s);
    EXPECT_EQ(limits.tokens->limit, 100);
    EXPECT_EQ(limits.tokens->full_in, 0s);
}

TEST(ProviderLimits, reads_every_form_of_a_wait) {
    const auto wait = [](const std::string& text) {
        const auto limits = read("x-ratelimit-limit-requests: 1\r\nx-ratelimit-remaining-requests: "
                                 "0\r\nx-ratelimit-reset-requests: " +
                                 text + "\r\n");
        return limits.requests ? limits.requests->full_in : -1ms;
    };
    EXPECT_EQ(wait("120ms"), 120ms);
    EXPECT_EQ(wait("8.64s"), 8640ms);
    EXPECT_EQ(wait("2m59.56s"), 179560ms);
    EXPECT_EQ(wait("1h0m0s"), 1h);
    for (const char* const text : {"", "60", "1769860800", "soon", "-1s", "1s!", "1.s.", "s"})
        EXPECT_EQ(wait(text), -1ms) << text;
    EXPECT_EQ(wait("99999999999h"), 24h * 31);
}

TEST(ProviderLimits, takes_nothing_from_what_is_missing_in_part_or_makes_no_sense) {
    EXPECT_TRUE(
        read("x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1s\r\n").none());
    EXPECT_TRUE(read("x-ratelimit-limit-tokens: 0\r\nx-ratelimit-remaining-tokens: 0\r\n"
                     "x-ratelimit-reset-tokens: 1s\r\n")
                    .none());
    EXPECT_TRUE(read("x-ratelimit-limit-tokens: -1\r\nx-ratelimit-remaining-tokens: 0\r\n"
                     "x-ratelimit-reset-tokens: 1s\r\n")
                    .none());
    EXPECT_TRUE(read("content-type: text/plain\r\nx-ratelimit: 5\r\n").none());
}

} // namespace
} // namespace weir::dialects
