#include <gtest/gtest.h>

#include "histogram.h"
#include "request_maker.h"
#include "response_reader.h"
#include "target.h"
#include "text_check.h"

namespace load {
namespace {

std::string text_of(const sim::Script& script) {
    std::string text;
    for (std::uint32_t k = 0; k < script.chunks; ++k) {
        sim::append_chunk(text, script.shape(), k, 12345);
    }
    return text;
}

TEST(Target, only_loopback_may_be_loaded) {
    EXPECT_TRUE(parse_target("http://127.0.0.1:8000/v1/chat/completions"));
    EXPECT_TRUE(parse_target("http://127.9.9.9:1"));
    EXPECT_TRUE(parse_target("http://localhost:8000/x"));
    EXPECT_TRUE(parse_target("http://[::1]:8000/x"));
    EXPECT_FALSE(parse_target("http://10.0.0.1:8000/x"));
    EXPECT_FALSE(parse_target("http://128.0.0.1:8000/x"));
    EXPECT_FALSE(parse_target("http://[::2]:8000/x"));
    EXPECT_FALSE(parse_target("http://example.com:80/x"));
    EXPECT_FALSE(parse_target("https://127.0.0.1:8000/x"));
    EXPECT_FALSE(parse_target("http://127.0.0.1/x"));
}

TEST(TextCheck, takes_the_right_text_however_it_is_cut) {
    const auto script = sim::parse_script("sim:chunks=12,size=40,stamp");
    const std::string text = text_of(*script);
    for (std::size_t piece = 1; piece < 90; ++piece) {
        TextCheck check(*script, "");
        for (std::size_t at = 0; at < text.size(); at += piece) {
            ASSERT_TRUE(check.feed(std::string_view(text).substr(at, piece)));
        }
        EXPECT_TRUE(check.complete());
        EXPECT_EQ(check.take_stamp(), 12345U);
    }
}

TEST(TextCheck, sees_every_wrong_lost_and_doubled_byte) {
    const auto script = sim::parse_script("sim:chunks=3,size=20");
    const std::string text = text_of(*script);
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string wrong = text;
        wrong[at] = wrong[at] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(TextCheck(*script, "").feed(wrong));
    }
    TextCheck shorter(*script, "");
    EXPECT_TRUE(shorter.feed(std::string_view(text).substr(0, 59)));
    EXPECT_FALSE(shorter.complete());
    EXPECT_FALSE(TextCheck(*script, "").feed(text + " "));
    EXPECT_FALSE(TextCheck(*script, "").feed(text.substr(0, 20) + text));
}

TEST(TextCheck, an_echo_is_the_prompt) {
    const auto script = sim::parse_script("sim:echo,size=4");
    TextCheck check(*script, "hello there");
    EXPECT_TRUE(check.feed("hello ") && check.feed("there"));
    EXPECT_TRUE(check.complete());
}

TEST(ResponseReader, reads_every_framing_at_every_cut) {
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n";
    const std::string length =
        "HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!";
    for (const std::string& whole : {chunked, length}) {
        for (std::size_t cut = 0; cut < whole.size(); ++cut) {
            ResponseReader reader;
            reader.feed(std::string_view(whole).substr(0, cut));
            EXPECT_EQ(reader.feed(std::string_view(whole).substr(cut)),
                      ResponseReader::State::done);
            EXPECT_EQ(reader.body(), "hello!");
            EXPECT_EQ(reader.status(), 200U);
        }
    }
}

TEST(ResponseReader, an_early_end_is_no_end) {
    ResponseReader reader;
    reader.feed("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel");
    EXPECT_NE(reader.end_of_input(), ResponseReader::State::done);
}

TEST(RequestMaker, requests_differ_only_in_their_number) {
    const RequestShape shape{.authority = "127.0.0.1:1",
                             .path = "/v1/chat/completions",
                             .model = "m",
                             .keys = {"a", "b"},
                             .body_bytes = 300};
    RequestMaker maker(shape);
    const std::string first(maker.make(0));
    const std::string third(maker.make(2));
    EXPECT_EQ(first.size(), third.size());
    EXPECT_NE(first, third);
    EXPECT_EQ(first.size() - first.find("\r\n\r\n") - 4, 300U);
    EXPECT_NE(maker.make(1).find("Bearer b"), std::string_view::npos);
    EXPECT_TRUE(maker.prompt().starts_with("Request 000000000001: "));
}

TEST(Histogram, is_exact_to_half_a_percent) {
    Histogram values;
    for (std::uint64_t value = 1; value <= 1'000'000; ++value) values.add(value);
    EXPECT_NEAR(static_cast<double>(values.at(0.5)), 500'000, 2'500);
    EXPECT_NEAR(static_cast<double>(values.at(0.99)), 990'000, 4'000);
    EXPECT_EQ(values.most(), 1'000'000U);
}

} // namespace
} // namespace load
