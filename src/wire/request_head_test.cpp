#include "wire/request_head.h"

#include "base/limits.h"
#include "wire/head_collector.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

using namespace std::string_literals;

// What a server makes of these pieces: 200 when accepted, 0 when more is awaited, or the status of
// the refusal.
int verdict(const std::vector<std::string_view>& pieces) {
    HeadCollector collector;
    for (const std::string_view piece : pieces) {
        const auto fed = collector.feed(piece);
        if (!fed) return fed.error().status;
        if (!fed->whole) continue;
        const auto head = RequestHead::parse(collector.take());
        return head ? 200 : head.error().status;
    }
    return 0;
}

struct Case {
    std::string_view what;
    std::string bytes;
    int status;
};

std::string with_line(std::string_view line) {
    return "GET / HTTP/1.1\r\n" + std::string(line) + "\r\n\r\n";
}

// A good request but for these header lines, each to be ended with CRLF.
std::string with(std::string_view lines) {
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

std::string target(std::string_view text) {
    return "GET " + std::string(text) + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

std::string start(std::string_view line) { return std::string(line) + "\r\nHost: a\r\n\r\n"; }

std::vector<Case> refused_framings() {
    return {
        {"length and coding", with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"coding and length", with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), 400},
        {"two lengths", with("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
        {"two other lengths", with("Content-Length: 1\r\ncontent-length: 2\r\n"), 400},
        {"a list of lengths", with("Content-Length: 1, 1\r\n"), 400},
        {"a signed length", with("Content-Length: +1\r\n"), 400},
        {"a negative length", with("Content-Length: -1\r\n"), 400},
        {"a hexadecimal length", with("Content-Length: 0x1\r\n"), 400},
        {"an empty length", with("Content-Length: \r\n"), 400},
        {"a length that overflows", with("Content-Length: 18446744073709551616\r\n"), 400},
        {"gzip", with("Transfer-Encoding: gzip\r\n"), 501},
        {"gzip before chunked", with("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"chunked twice", with("Transfer-Encoding: chunked, chunked\r\n"), 501},
        {"two coding lines", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
         400},
        {"identity", with("Transfer-Encoding: identity\r\n"), 501},
        {"vertical tab before chunked",
         with("Transfer-Encoding: \x0b"
              "chunked\r\n"),
         400},
        {"coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"an unknown expectation", with("Expect: a-miracle\r\n"), 400},
    };
}

std::vector<Case> refused_lines() {
    return {
        {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"no host, but more", with_line("Accept: */*"), 400},
        {"two hosts", with_line("Host: a\r\nHost: a"), 400},
        {"two hosts in other case", with_line("Host: a\r\nhOST: b"), 400},
        {"two hosts in 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"an empty host", with_line("Host:"), 400},
        {"a host with a user", with_line("Host: u@a"), 400},
        {"a host with a path", with_line("Host: a/b"), 400},
        {"a host list", with_line("Host: a, b"), 400},
        {"a host with a bad port", with_line("Host: a:99999"), 400},
        {"a folded line", with("A: b\r\n c\r\n"), 400},
        {"a line folded with a tab", with("A: b\r\n\tc\r\n"), 400},
        {"a folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"space before the colon", with("A : b\r\n"), 400},
        {"tab before the colon", with("Content-Length\t: 1\r\n"), 400},
        {"no colon", with("A\r\n"), 400},
        {"no name", with(": b\r\n"), 400},
        {"a bare LF", with("A: b\nC: d\r\n"), 400},
        {"only LFs", "GET / HTTP/1.1\nHost: a\n\n", 400},
        {"a bare CR", with("A: b\rC: d\r\n"), 400},
        {"CR CR LF", with("A: b\r\r\n"), 400},
        {"a NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n"s, 400},
        {"a NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n"s, 400},
        {"a control byte in a value", with("A: \x01\r\n"), 400},
        {"DEL in a value", with("A: \x7f\r\n"), 400},
        {"a byte over 0x7f in a name", with("\xc3\xa9: b\r\n"), 400},
        {"two empty lines before", "\r\n\r\n" + with(""), 400},
    };
}

std::vector<Case> refused_start_lines() {
    return {
        {"absolute form", target("http://a/"), 400},
        {"a method nobody knows", start("BREW /pot HTTP/1.1"), 501},
        {"absolute form of https", target("https://a/v1"), 400},
        {"authority form", start("CONNECT a:443 HTTP/1.1"), 400},
        {"no slash", target("v1"), 400},
        {"a star for GET", target("*"), 400},
        {"a user before the path", target("u@a/"), 400},
        {"a fragment", target("/#a"), 400},
        {"a backslash", target("/\\a"), 400},
        {"a quote", target("/\"a"), 400},
        {"a brace", target("/{a}"), 400},
        {"a byte over 0x7f", target("/\xc3\xa9"), 400},
        {"DEL", target("/\x7f"), 400},
        {"a tab", target("/a\tb"), 400},
        {"a NUL", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
        {"a space", target("/a b"), 400},
        {"two spaces before the target", start("GET  / HTTP/1.1"), 400},
        {"two spaces after the target", start("GET /  HTTP/1.1"), 400},
        {"a space in front", start(" GET / HTTP/1.1"), 400},
        {"a space behind", start("GET / HTTP/1.1 "), 400},
        {"tabs for spaces", start("GET\t/\tHTTP/1.1"), 400},
        {"no target", start("GET HTTP/1.1"), 400},
        {"HTTP/0.9", start("GET /"), 400},
        {"no method", start(" / HTTP/1.1"), 400},
        {"a method that is no token", start("G(T / HTTP/1.1"), 400},
        {"a method with a byte over 0x7f", start("G\xc3\x89T / HTTP/1.1"), 400},
        {"a lower-case version", start("GET / http/1.1"), 400},
        {"another protocol", start("GET / RTSP/1.0"), 400},
        {"a long version", start("GET / HTTP/1.10"), 400},
        {"a short version", start("GET / HTTP/1"), 400},
        {"HTTP/2", start("GET / HTTP/2.0"), 505},
        {"the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/1.2", start("GET / HTTP/1.2"), 505},
        {"HTTP/0.9 by name", start("GET / HTTP/0.9"), 505},
        {"a TLS greeting", "\x16\x03\x01\x02\n", 400},
    };
}

std::vector<Case> accepted() {
    return {
        {"the least", "GET / HTTP/1.0\r\n\r\n", 200},
        {"a host", with(""), 200},
        {"an empty line before", "\r\n" + with(""), 200},
        {"a query", target("/a/b?c=d&e=%20f"), 200},
        {"escapes stay", target("/%2e%2E/%00"), 200},
        {"marks of a path", target("/a;b=c,d:@!$'()*+~_-."), 200},
        {"OPTIONS *", start("OPTIONS * HTTP/1.1"), 200},
        {"a length", with("Content-Length: 12\r\n"), 200},
        {"chunked", with("Transfer-Encoding:  chunked \t\r\n"), 200},
        {"an expectation", with("Content-Length: 1\r\nExpect: 100-Continue\r\n"), 200},
        {"text over 0x7f in a value", with("A: \xc3\xa9\r\n"), 200},
        {"an IPv6 host", with_line("Host: [::1]:8000"), 200},
    };
}

void expect_every_cut(const std::vector<Case>& cases) {
    for (const Case& c : cases) {
        const std::string_view bytes = c.bytes;
        EXPECT_EQ(verdict({bytes}), c.status) << c.what;
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
            EXPECT_EQ(verdict({bytes.substr(0, cut), bytes.substr(cut)}), c.status)
                << c.what << ", cut at " << cut;
        std::vector<std::string_view> single;
        for (std::size_t i = 0; i < bytes.size(); ++i) single.push_back(bytes.substr(i, 1));
        EXPECT_EQ(verdict(single), c.status) << c.what << ", byte by byte";
    }
}

TEST(RequestHead, refuses_framing_that_two_readers_could_take_differently) {
    expect_every_cut(refused_framings());
}

TEST(RequestHead, refuses_malformed_lines_and_hosts) { expect_every_cut(refused_lines()); }

TEST(RequestHead, refuses_other_start_lines) { expect_every_cut(refused_start_lines()); }

TEST(RequestHead, accepts_what_clients_send) { expect_every_cut(accepted()); }

TEST(RequestHead, refuses_the_same_without_a_collector_before_it) {
    for (const auto& cases : {refused_framings(), refused_lines(), refused_start_lines()})
        for (const Case& c : cases) EXPECT_FALSE(RequestHead::parse(c.bytes)) << c.what;
    for (const std::string_view bytes : {"", "\r\n", "\r\n\r\n", "GET / HTTP/1.1",
                                         "GET / HTTP/1.0\r\n", "GET / HTTP/1.0\n\n", "\n\r\n\r\n"})
        EXPECT_FALSE(RequestHead::parse(std::string(bytes))) << bytes;
    EXPECT_FALSE(RequestHead::parse("GET / HTTP/1.0\r\n\r\nHost: a\r\n\r\n"));
}

TEST(RequestHead, every_control_byte_is_refused_wherever_it_stands) {
    static constexpr std::string_view good = "POST /a?b=c HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n";
    ASSERT_EQ(verdict({good}), 200);
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (int byte = 0; byte < 0x80; ++byte) {
            if (byte == '\t' || byte == '\n' || (byte >= 0x20 && byte != 0x7f)) continue;
            std::string bytes(good);
            bytes.insert(at, 1, static_cast<char>(byte));
            EXPECT_NE(verdict({bytes}), 200) << byte << " at " << at;
            bytes = good;
            if (bytes[at] == static_cast<char>(byte)) continue;
            bytes[at] = static_cast<char>(byte);
            EXPECT_NE(verdict({bytes}), 200) << byte << " for the byte at " << at;
        }
    }
}

TEST(RequestHead, no_line_end_may_lose_a_byte) {
    static constexpr std::string_view good = "POST / HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n";
    for (std::size_t at = 0; at < good.size(); ++at) {
        if (good[at] != '\r' && good[at] != '\n') continue;
        std::string bytes(good);
        bytes.erase(at, 1);
        EXPECT_NE(verdict({bytes}), 200) << "without the byte at " << at;
    }
}

TEST(RequestHead, limits_have_their_statuses_on_the_byte) {
    const auto line_of = [](std::size_t length) {
        return target("/" + std::string(length - std::string_view("GET / HTTP/1.1").size(), 'a'));
    };
    EXPECT_EQ(verdict({line_of(limits::request_line_bytes)}), 200);
    EXPECT_EQ(verdict({line_of(limits::request_line_bytes + 1)}), 414);
    EXPECT_EQ(verdict({line_of(limits::request_line_bytes + 1000)}), 414);
    std::string lines;
    for (std::size_t i = 1; i < limits::header_count; ++i) lines += "A: b\r\n";
    EXPECT_EQ(verdict({with(lines)}), 200);
    EXPECT_EQ(verdict({with(lines + "A: b\r\n")}), 431);
    EXPECT_EQ(verdict({with("A: " + std::string(limits::head_bytes, 'b') + "\r\n")}), 431);
}

void expect_parts(const RequestHead& head) {
    EXPECT_EQ(head.method(), "POST");
    EXPECT_EQ(head.path(), "/a%20b");
    EXPECT_EQ(head.query(), "c=d&e&f=&c=2");
    EXPECT_EQ(head.host(), "h:8000");
    EXPECT_EQ(head.minor(), 1);
    EXPECT_EQ(head.framing().kind, Framing::Kind::length);
    EXPECT_EQ(head.framing().length, 3u);
    EXPECT_TRUE(head.has_body());
    EXPECT_TRUE(head.keep_alive());
    EXPECT_TRUE(head.expects_continue());
    EXPECT_EQ(head.find("x-empty"), "");
    EXPECT_EQ(head.find("AUTHORIZATION"), "Bearer k");
    EXPECT_EQ(head.fields().all().size(), 5u);
    EXPECT_EQ(head.query_value("c"), "d");
    EXPECT_EQ(head.query_value("e"), "");
    EXPECT_EQ(head.query_value("f"), "");
    EXPECT_EQ(head.query_value("g"), std::nullopt);
}

TEST(RequestHead, its_parts_survive_moves) {
    auto parsed = RequestHead::parse("POST /a%20b?c=d&e&f=&c=2 HTTP/1.1\r\nHost: h:8000\r\n"
                                     "Content-Length: 3\r\nExpect: 100-continue\r\nX-Empty:\r\n"
                                     "Authorization: Bearer k\r\n\r\n");
    ASSERT_TRUE(parsed);
    expect_parts(*parsed);
    RequestHead second = *std::move(parsed);
    expect_parts(second);
    RequestHead third;
    third = std::move(second);
    expect_parts(third);
    std::vector<RequestHead> many;
    many.push_back(std::move(third));
    for (int i = 0; i < 20; ++i) many.emplace_back(); // grows, and so moves the first again
    expect_parts(many.front());
    RequestHead last = *RequestHead::parse("GET /other HTTP/1.0\r\n\r\n");
    last = std::move(many.front());
    expect_parts(last);
}

TEST(RequestHead, a_head_that_never_was_parsed_can_be_moved) {
    RequestHead first;
    const RequestHead second = std::move(first);
    EXPECT_EQ(second.method(), "");
    EXPECT_FALSE(second.has_body());
}

TEST(RequestHead, keep_alive_follows_the_version_and_connection) {
    const std::vector<std::tuple<std::string_view, std::string_view, bool>> cases = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: x, CLOSE\r\n", false},
        {"1.1", "Connection: x\r\nConnection: close\r\n", false},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: close\r\n", false},
    };
    for (const auto& [version, lines, keep] : cases) {
        const auto head = RequestHead::parse("GET / HTTP/" + std::string(version) +
                                             "\r\nHost: a\r\n" + std::string(lines) + "\r\n");
        ASSERT_TRUE(head);
        EXPECT_EQ(head->keep_alive(), keep) << version << ' ' << lines;
    }
}

TEST(RequestHead, close_wins_over_keep_alive_in_http_1_0_too) {
    const auto head = RequestHead::parse("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n");
    ASSERT_TRUE(head);
    EXPECT_FALSE(head->keep_alive());
}

TEST(RequestHead, a_continue_is_owed_only_for_a_body_in_http_1_1) {
    const std::vector<std::pair<std::string, bool>> cases = {
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", true},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
         true},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", false},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", false}};
    for (const auto& [bytes, owed] : cases) {
        const auto head = RequestHead::parse(bytes);
        ASSERT_TRUE(head) << bytes;
        EXPECT_EQ(head->expects_continue(), owed) << bytes;
    }
}

} // namespace
} // namespace weir::wire
