#include "wire/response_head.h"

#include "base/limits.h"
#include "wire/head_collector.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

using namespace std::string_literals;
using Kind = Framing::Kind;

enum class Verdict { accepted, refused, waiting };

Verdict verdict(const std::vector<std::string_view>& pieces) {
    HeadCollector collector;
    for (const std::string_view piece : pieces) {
        const auto fed = collector.feed(piece);
        if (!fed) return Verdict::refused;
        if (!fed->whole) continue;
        return ResponseHead::parse(collector.take()) ? Verdict::accepted : Verdict::refused;
    }
    return Verdict::waiting;
}

void expect_every_cut(std::string_view bytes, Verdict expected) {
    SCOPED_TRACE(testing::PrintToString(std::string(bytes)));
    std::vector<std::string_view> single;
    for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
    EXPECT_EQ(verdict(single), expected) << "byte by byte";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
        EXPECT_EQ(verdict({bytes.substr(0, cut), bytes.substr(cut)}), expected) << "cut at " << cut;
}

std::string ok(std::string_view lines) {
    return "HTTP/1.1 200 OK\r\n" + std::string(lines) + "\r\n";
}

struct Accepted {
    std::string bytes;
    int status;
    Kind kind;
    std::uint64_t length;
    bool keep_alive;
};

std::vector<Accepted> accepted() {
    return {
        {ok("Content-Length: 5\r\n"), 200, Kind::length, 5, true},
        {ok("Content-Length: 0\r\n"), 200, Kind::length, 0, true},
        {ok("Transfer-Encoding: chunked\r\n"), 200, Kind::chunked, 0, true},
        {ok("transfer-encoding:Chunked\r\n"), 200, Kind::chunked, 0, true},
        {ok("Transfer-Encoding: chunked\r\nConnection: close\r\n"), 200, Kind::chunked, 0, false},
        {ok(""), 200, Kind::until_close, 0, false},
        {ok("Connection: keep-alive\r\n"), 200, Kind::until_close, 0, false},
        {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", 200, Kind::length, 1, true},
        {"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", 200, Kind::length, 1, true},
        {"HTTP/1.1 404 Not\tFound gr\xc3\xbc\r\nContent-Length: 1\r\n\r\n", 404, Kind::length, 1,
         true},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, Kind::length, 1, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n", 200,
         Kind::length, 1, true},
        {"HTTP/1.1 100 Continue\r\n\r\n", 100, Kind::none, 0, true},
        {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 103, Kind::none, 0, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", 204, Kind::none, 0, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, Kind::none, 0, true},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n", 429,
         Kind::length, 2, true},
        {"HTTP/1.1 599 x\r\nContent-Length: 2\r\n\r\n", 599, Kind::length, 2, true},
    };
}

TEST(ResponseHead, accepts_what_providers_send) {
    for (const Accepted& c : accepted()) {
        SCOPED_TRACE(c.bytes);
        expect_every_cut(c.bytes, Verdict::accepted);
        const auto head = ResponseHead::parse(c.bytes);
        ASSERT_TRUE(head);
        EXPECT_EQ(head->status(), c.status);
        EXPECT_EQ(head->informational(), c.status < 200);
        EXPECT_EQ(head->framing().kind, c.kind);
        EXPECT_EQ(head->framing().length, c.length);
        EXPECT_EQ(head->keep_alive(), c.keep_alive);
    }
}

TEST(ResponseHead, refuses_malformed_status_lines) {
    for (const std::string_view line :
         {"HTTP/2.0 200 OK",  "HTTP/1.2 200 OK",  "HTTP/1 200 OK",  "http/1.1 200 OK",
          "ICY 200 OK",       "HTTP/1.1  200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK",
          "HTTP/1.1 099 x",   "HTTP/1.1 000 x",   "HTTP/1.1 600 x", "HTTP/1.1 999 x",
          "HTTP/1.1 +20 x",   "HTTP/1.1 -20 x",   "HTTP/1.1 2x0 x", "HTTP/1.1 200OK",
          "HTTP/1.1 200\tOK", "HTTP/1.1",         "HTTP/1.1 ",      "HTTP/1.1\t200 OK",
          " HTTP/1.1 200 OK", "200 OK",           "HTTP/1.1 20"})
        expect_every_cut(std::string(line) + "\r\nContent-Length: 0\r\n\r\n", Verdict::refused);
}

TEST(ResponseHead, refuses_framing_that_someone_on_the_way_was_fooled_by) {
    for (const std::string_view lines :
         {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
          "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n",
          "Content-Length: +1\r\n", "Content-Length: -1\r\n", "Content-Length:\r\n",
          "Content-Length: 0x1\r\n", "Content-Length: 18446744073709551616\r\n",
          "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n",
          "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding:\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"})
        expect_every_cut(ok(lines), Verdict::refused);
}

TEST(ResponseHead, refuses_malformed_lines) {
    for (const std::string& lines :
         {"A : b\r\n"s, " A: b\r\n"s, "A: b\r\n c\r\n"s, "A\r\n"s, ": b\r\n"s, "A: b\rc\r\n"s,
          "A: b\nC: d\r\n"s, "A: \x01\r\n"s, "A: \x7f\r\n"s, "\xc3\xa9: b\r\n"s, "A: \0\r\n"s})
        expect_every_cut(ok(lines), Verdict::refused);
    expect_every_cut("HTTP/1.1 200 OK\nContent-Length: 0\n\n", Verdict::refused);
    expect_every_cut("HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n", Verdict::refused);
    expect_every_cut("HTTP/1.1 200 O\0K\r\nContent-Length: 0\r\n\r\n"s, Verdict::refused);
}

TEST(ResponseHead, refuses_control_bytes_in_the_reason) {
    for (const std::string& reason :
         {"O\rK"s, "O\nK"s, "O\0K"s, "\x1b[31mK"s, "O\x7fK"s, "\x01"s}) {
        SCOPED_TRACE(testing::PrintToString(reason));
        EXPECT_FALSE(
            ResponseHead::parse("HTTP/1.1 200 " + reason + "\r\nContent-Length: 0\r\n\r\n"));
    }
}

TEST(ResponseHead, refuses_a_transfer_coding_from_http_1_0) {
    // RFC 9112, 6.1: its framing is faulty, whatever else it says.
    EXPECT_FALSE(ResponseHead::parse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                     "Connection: keep-alive\r\n\r\n"));
}

TEST(ResponseHead, close_wins_over_keep_alive_in_http_1_0_too) {
    const auto head = ResponseHead::parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n"
                                          "Connection: keep-alive, close\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_FALSE(head->keep_alive());
}

TEST(ResponseHead, refuses_heads_over_the_limits) {
    std::string lines;
    for (std::size_t i = 0; i < limits::header_count; ++i) lines += "A: b\r\n";
    EXPECT_EQ(verdict({ok(lines)}), Verdict::accepted);
    EXPECT_EQ(verdict({ok(lines + "A: b\r\n")}), Verdict::refused);
    EXPECT_EQ(verdict({ok("A: " + std::string(limits::head_bytes, 'b') + "\r\n")}),
              Verdict::refused);
    EXPECT_EQ(verdict({"HTTP/1.1 200 " + std::string(limits::head_bytes, 'b')}), Verdict::refused);
}

TEST(ResponseHead, refuses_pieces_of_a_head) {
    for (const std::string_view bytes :
         {"", "\r\n", "\r\n\r\n", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\n\n",
          "HTTP/1.1 200 OK\r\nA: b\r\n"})
        EXPECT_FALSE(ResponseHead::parse(std::string(bytes))) << bytes;
    EXPECT_FALSE(ResponseHead::parse("HTTP/1.1 200 OK\r\n\r\nA: b\r\n\r\n"));
}

void expect_parts(const ResponseHead& head) {
    EXPECT_EQ(head.status(), 503);
    EXPECT_EQ(head.framing().kind, Kind::length);
    EXPECT_EQ(head.framing().length, 7u);
    EXPECT_FALSE(head.keep_alive());
    ASSERT_EQ(head.fields().all().size(), 4u);
    EXPECT_EQ(head.fields().all()[0].name, "Content-Type");
    EXPECT_EQ(head.find("content-type"), "text/plain");
    EXPECT_EQ(head.find("x-empty"), "");
    EXPECT_EQ(head.find("retry-after"), std::nullopt);
}

TEST(ResponseHead, its_parts_survive_moves) {
    auto parsed =
        ResponseHead::parse("HTTP/1.1 503 Busy\r\nContent-Type: text/plain\r\nX-Empty: \r\n"
                            "Connection: close\r\nContent-Length: 7\r\n\r\n");
    ASSERT_TRUE(parsed);
    expect_parts(*parsed);
    ResponseHead second = *std::move(parsed);
    expect_parts(second);
    std::vector<ResponseHead> many;
    many.push_back(std::move(second));
    for (int i = 0; i < 20; ++i) many.emplace_back(); // grows, and so moves the first again
    expect_parts(many.front());
    ResponseHead last = *ResponseHead::parse("HTTP/1.1 200\r\n\r\n");
    last = std::move(many.front());
    expect_parts(last);
}

} // namespace
} // namespace weir::wire
