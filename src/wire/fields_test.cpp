#include "wire/fields.h"

#include "base/limits.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

using namespace std::string_view_literals;

int status_of(std::string_view lines) {
    const auto fields = Fields::parse(lines);
    return fields ? 200 : fields.error().status;
}

TEST(Fields, keeps_names_as_sent_and_values_without_white_space_around) {
    static constexpr std::string_view lines = "Host: a\r\nX-Empty:\r\nx-blank: \t \r\n"
                                              "X-In: \t a b\tc \t\r\n!#$%&'*+-.^_`|~0aZ:v\r\n";
    const auto fields = Fields::parse(lines);
    ASSERT_TRUE(fields);
    const std::vector<std::pair<std::string_view, std::string_view>> expected = {
        {"Host", "a"},
        {"X-Empty", ""},
        {"x-blank", ""},
        {"X-In", "a b\tc"},
        {"!#$%&'*+-.^_`|~0aZ", "v"}};
    ASSERT_EQ(fields->all().size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(fields->all()[i].name, expected[i].first);
        EXPECT_EQ(fields->all()[i].value, expected[i].second);
    }
    EXPECT_EQ(fields->find("HOST"), "a");
    EXPECT_EQ(fields->find("x-empty"), "");
    EXPECT_EQ(fields->find("missing"), std::nullopt);
}

TEST(Fields, values_may_hold_bytes_over_0x7f) {
    const auto fields = Fields::parse("A: gr\xc3\xbc\xff\r\n");
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->find("a"), "gr\xc3\xbc\xff");
}

TEST(Fields, refuses_lines_that_are_no_fields) {
    const std::vector<std::string_view> bad = {"A\r\n",
                                               "A b\r\n",
                                               ": b\r\n",
                                               "A : b\r\n",
                                               "A\t: b\r\n",
                                               " A: b\r\n",
                                               "\tA: b\r\n",
                                               "A: b\r\n c\r\n",
                                               "A: b\r\n\tc\r\n",
                                               "A: b\n",
                                               "A: b\r\n\r\n",
                                               "A: b",
                                               "A: b\r",
                                               "A: b\rc\r\n",
                                               "A: b\r\r\n",
                                               "\r\n",
                                               "\n",
                                               "A: \x01\r\n",
                                               "A: \x7f\r\n",
                                               "A: \x1b[0m\r\n",
                                               "A: b\0\r\n"sv,
                                               "A\0: b\r\n"sv,
                                               "A\x7f: b\r\n",
                                               "\xc3\xa9: b\r\n",
                                               "A\xff: b\r\n",
                                               "A(: b\r\n",
                                               "A,: b\r\n",
                                               "A/: b\r\n",
                                               "A;: b\r\n",
                                               "A=: b\r\n",
                                               "A@: b\r\n",
                                               "[A]: b\r\n",
                                               "A\\: b\r\n",
                                               "{A}: b\r\n",
                                               "\"A\": b\r\n",
                                               "A: \x0b"
                                               "b\r\n",
                                               "A: b\x0c\r\n",
                                               "A: b\x08\r\n"};
    for (const std::string_view lines : bad)
        EXPECT_EQ(status_of(lines), 400) << testing::PrintToString(std::string(lines));
}

TEST(Fields, only_token_bytes_make_a_name_and_only_controls_break_a_value) {
    static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool letter = byte < 0x80 && std::isalnum(byte) != 0;
        const bool token = letter || (c != '\0' && marks.find(c) != std::string_view::npos);
        EXPECT_EQ(is_token(std::string_view(&c, 1)), token) << byte;
        const std::string name = std::string("a") + c + "b: v\r\n";
        // A colon within only makes another name of it.
        EXPECT_EQ(status_of(name), token || c == ':' ? 200 : 400) << byte;
        const bool text = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        EXPECT_EQ(status_of(std::string("a: b") + c + "c\r\n"), text ? 200 : 400) << byte;
    }
    EXPECT_FALSE(is_token(""));
}

TEST(Fields, too_many_lines_are_431) {
    std::string lines;
    for (std::size_t i = 0; i < limits::header_count; ++i) lines += "A: b\r\n";
    EXPECT_EQ(status_of(lines), 200);
    EXPECT_EQ(status_of(lines + "A: b\r\n"), 431);
}

TEST(Fields, counts_and_lists_over_all_repetitions) {
    const auto fields =
        Fields::parse("Connection: keep-alive, ,Upgrade\r\nX: close\r\nCONNECTION:\tClose \r\n");
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->count("connection"), 2u);
    EXPECT_EQ(fields->count("nothing"), 0u);
    for (const std::string_view token : {"close", "CLOSE", "keep-alive", "upgrade"})
        EXPECT_TRUE(fields->lists("connection", token)) << token;
    for (const std::string_view token : {"clos", "closed", "keep", "alive", "keep-alive, "})
        EXPECT_FALSE(fields->lists("connection", token)) << token;
    EXPECT_FALSE(fields->lists("upgrade", "close"));
}

struct FramingCase {
    std::string_view lines;
    int minor;
    int status; // 200: accepted
    Framing::Kind kind = Framing::Kind::none;
    std::uint64_t length = 0;
};

TEST(RequestFraming, is_judged_strictly) {
    using Kind = Framing::Kind;
    const std::vector<FramingCase> cases = {
        {"", 1, 200},
        {"Content-Length: 0\r\n", 1, 200, Kind::length, 0},
        {"Content-Length: 5\r\n", 0, 200, Kind::length, 5},
        {"Content-Length: 18446744073709551615\r\n", 1, 200, Kind::length, UINT64_MAX},
        {"Transfer-Encoding: chunked\r\n", 1, 200, Kind::chunked},
        {"transfer-encoding:CHUNKED\r\n", 1, 200, Kind::chunked},
        {"Content-Length: 18446744073709551616\r\n", 1, 400},
        {"Content-Length: 99999999999999999999999\r\n", 1, 400},
        {"Content-Length:\r\n", 1, 400},
        {"Content-Length: +5\r\n", 1, 400},
        {"Content-Length: -5\r\n", 1, 400},
        {"Content-Length: -0\r\n", 1, 400},
        {"Content-Length: 5 5\r\n", 1, 400},
        {"Content-Length: 5,5\r\n", 1, 400},
        {"Content-Length: 5, 6\r\n", 1, 400},
        {"Content-Length: 0x5\r\n", 1, 400},
        {"Content-Length: 5.0\r\n", 1, 400},
        {"Content-Length: 5e1\r\n", 1, 400},
        {"Content-Length: five\r\n", 1, 400},
        {"Content-Length: \xd9\xa5\r\n", 1, 400},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", 1, 400},
        {"Content-Length: 5\r\nCONTENT-length: 6\r\n", 1, 400},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 1, 400},
        {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 1, 400},
        {"Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", 1, 400},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 1, 400},
        {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", 1, 400},
        {"Transfer-Encoding: chunked\r\n", 0, 400},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 0, 400},
        {"Transfer-Encoding: gzip, chunked\r\n", 1, 501},
        {"Transfer-Encoding: chunked, gzip\r\n", 1, 501},
        {"Transfer-Encoding: chunked, chunked\r\n", 1, 501},
        {"Transfer-Encoding: chunked,\r\n", 1, 501},
        {"Transfer-Encoding: ,chunked\r\n", 1, 501},
        {"Transfer-Encoding: chunked;q=1\r\n", 1, 501},
        {"Transfer-Encoding: xchunked\r\n", 1, 501},
        {"Transfer-Encoding: \"chunked\"\r\n", 1, 501},
        {"Transfer-Encoding: identity\r\n", 1, 501},
        {"Transfer-Encoding:\r\n", 1, 501},
    };
    for (const FramingCase& c : cases) {
        const auto fields = Fields::parse(c.lines);
        ASSERT_TRUE(fields) << c.lines;
        const auto framing = request_framing(*fields, c.minor);
        EXPECT_EQ(framing ? 200 : framing.error().status, c.status) << c.lines;
        if (!framing) continue;
        EXPECT_EQ(framing->kind, c.kind) << c.lines;
        EXPECT_EQ(framing->length, c.length) << c.lines;
    }
}

TEST(Authority, hosts_with_and_without_a_port_are_known) {
    for (const std::string_view text :
         {"a", "example.com", "example.com:80", "127.0.0.1:8000", "[::1]", "[::1]:8000",
          "[2001:db8::1.2.3.4]", "a-b_c.d:65535", "xn--grn-goa.example", "localhost."})
        EXPECT_TRUE(is_authority(text)) << text;
}

TEST(Authority, tricks_are_refused) {
    for (const std::string_view text :
         {"",           ":",      ":80",     "a:",     "a:b",         "a:65536", "a:-1",   "a:+80",
          "a:80:80",    "a:80x",  "a b",     "a,b",    "user@a",      "u:p@a",   "a/b",    "a/",
          "http://a",   "a?b",    "a\\b",    "[",      "[]",          "[::1",    "::1",    "[::1]a",
          "[::1]80",    "[::1]:", "[::1]:x", "[::1]]", "[fe80::1%0]", "[::g]",   "x[::1]", "a\xff",
          "gr\xc3\xbc", "a\tb",   "a;b",     "<a>",    "a\"",         "a:80 ",   "{a}",    "a=b",
          "(a)"})
        EXPECT_FALSE(is_authority(text)) << text;
    EXPECT_FALSE(is_authority("a\0b"sv));
}

TEST(Authority, bytes_that_no_host_may_hold_are_refused) {
    // RFC 3986, 3.2.2: none of these is unreserved or a sub-delimiter, and '#' ends an authority.
    for (const std::string_view text :
         {"a#b", "#", "a#@b:80", "a^b", "a`b", "a|b", "a%", "a%zz", "%"})
        EXPECT_FALSE(is_authority(text)) << text;
}

} // namespace
} // namespace weir::wire
