#include "dialects/provider_failure.h"

#include <gtest/gtest.h>

namespace weir::dialects {
namespace {

struct Row {
    int status;
    std::string_view body;
    FailureClass kind;
};

TEST(OpenAiFailure, the_code_decides_before_the_status) {
    const std::vector<Row> table = {
        {429, R"({"error":{"code":"rate_limit_exceeded"}})", FailureClass::rate},
        {429, R"({"error":{"code":"insufficient_quota"}})", FailureClass::billing},
        {402, "", FailureClass::billing},
        {401, "", FailureClass::auth},
        {403, "", FailureClass::auth},
        {400, R"({"error":{"code":"invalid_api_key"}})", FailureClass::auth},
        {403, R"({"error":{"code":"model_not_found"}})", FailureClass::transient},
        {400, R"({"error":{"code":"usage_limit_is_a_word_here"}})", FailureClass::request},
        {404, R"({"error":{"code":"model_not_found"}})", FailureClass::request},
        {500, "<html>", FailureClass::transient},
        {503, "", FailureClass::transient},
        {302, "", FailureClass::transient},
    };
    for (const Row& row : table)
        EXPECT_EQ(classify_failure(row.status, row.body, {}).kind, row.kind)
            << row.status << row.body;
}

TEST(OpenAiFailure, waits_are_read_and_bounded) {
    using namespace std::chrono_literals;
    EXPECT_EQ(classify_failure(429, "", {"2", std::nullopt}).retry_after, 2000ms);
    EXPECT_EQ(classify_failure(429, "", {"2", "150"}).retry_after, 150ms);
    EXPECT_EQ(classify_failure(429, "", {"86400", std::nullopt}).retry_after, 1h);
    EXPECT_FALSE(classify_failure(429, "", {"soon", std::nullopt}).retry_after);
}

} // namespace
} // namespace weir::dialects
