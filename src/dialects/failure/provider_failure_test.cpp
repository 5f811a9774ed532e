#include "dialects/failure/provider_failure.h"

#include "json/document.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

std::optional<std::string_view> header(const Value& headers, std::string_view name) {
    const auto value = headers.find(name);
    return value ? std::optional(value->text()) : std::nullopt;
}

TEST(ProviderFailure, every_error_of_the_corpus_gets_its_class_and_its_wait) {
    std::ifstream in(WEIR_DIALECTS "/failure/provider_failures.json");
    std::stringstream text;
    text << in.rdbuf();
    const auto document =
        json::Document::parse(text.str(), {.depth = 8, .values = 100'000, .keys_per_object = 100});
    ASSERT_TRUE(document) << document.error().message();
    std::size_t rows = 0;
    for (const Value row : document->root()) {
        const Value headers = *row.find("headers");
        const RetryHeaders retry{header(headers, "retry-after"), header(headers, "retry-after-ms")};
        const auto failure = classify_failure(static_cast<int>(row.find("status")->integer()),
                                              row.find("body")->text(), retry);
        SCOPED_TRACE(std::string(row.find("name")->text()));
        EXPECT_EQ(name(failure.kind), row.find("class")->text());
        const Value wait = *row.find("retry_after_ms");
        EXPECT_EQ(failure.retry_after ? failure.retry_after->count() : -1,
                  wait.is(Kind::integer) ? wait.integer() : -1);
        ++rows;
    }
    EXPECT_GE(rows, 400u);
}

TEST(ProviderFailure, a_client_cannot_retire_a_key_with_its_own_words) {
    const auto failure = classify_failure(
        400,
        R"({"error":{"message":"Invalid value: 'insufficient balance', api key not valid",)"
        R"("param":"user"}})",
        {});
    EXPECT_EQ(failure.kind, FailureClass::request);
}

TEST(ProviderFailure, what_the_client_sent_takes_no_key_away_when_it_is_repeated) {
    const std::string_view words =
        R"({"type":"error","error":{"type":"invalid_request_error","message":"messages.0: )"
        R"(Input tag 'credit balance is too low' found using 'type' does not match"}})";
    EXPECT_EQ(classify_failure(400, words, {}).kind, FailureClass::billing);
    EXPECT_EQ(classify_failure(400, words, {}, R"([{"type":"Credit balance is TOO low"}])").kind,
              FailureClass::request);
    EXPECT_EQ(classify_failure(400, words, {}, R"([{"type":"\u0063redit balance"}])").kind,
              FailureClass::request);
    EXPECT_EQ(classify_failure(400, words, {}, R"([{"type":"text","text":"caf\u00e9"}])").kind,
              FailureClass::billing);
}

TEST(ProviderFailure, waits_are_read) {
    using namespace std::chrono_literals;
    EXPECT_EQ(classify_failure(429, "", {"2", std::nullopt}).retry_after, 2000ms);
    EXPECT_EQ(classify_failure(429, "", {"2", "150"}).retry_after, 150ms);
    EXPECT_FALSE(classify_failure(429, "", {"soon", std::nullopt}).retry_after);
}

} // namespace
} // namespace weir::dialects
