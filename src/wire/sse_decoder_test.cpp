#include "wire/sse_decoder.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::wire {
namespace {

struct Kept {
    std::string name;
    std::string data;
    std::string id;

    bool operator==(const Kept&) const = default;
};

void PrintTo(const Kept& event, std::ostream* out) {
    *out << '(' << testing::PrintToString(event.name) << ", " << testing::PrintToString(event.data)
         << ", " << testing::PrintToString(event.id) << ')';
}

void feed(SseDecoder& decoder, std::string_view piece, std::vector<Kept>& out) {
    SseEvent event;
    while (decoder.next(piece, event))
        out.emplace_back(std::string(event.name), std::string(event.data), std::string(event.id));
    EXPECT_TRUE(piece.empty() || decoder.overflowed());
}

std::vector<Kept> decode(const std::vector<std::string_view>& pieces, std::size_t bound = 4096) {
    SseDecoder decoder(bound);
    std::vector<Kept> out;
    for (const std::string_view piece : pieces) feed(decoder, piece, out);
    return out;
}

std::vector<Kept> decode_in_steps(std::string_view stream, std::size_t step) {
    SseDecoder decoder(4096);
    std::vector<Kept> out;
    for (; !stream.empty(); stream.remove_prefix(std::min(step, stream.size())))
        feed(decoder, stream.substr(0, step), out);
    return out;
}

struct Case {
    std::string_view what;
    std::string_view stream;
    std::vector<Kept> events;
};

using namespace std::string_literals;
using namespace std::string_view_literals;

// The examples of the standard, and line ends in every mix.
std::vector<Case> line_cases() {
    return {
        {"standard: three lines, one event",
         "data: YHOO\ndata: +2\ndata: 10\n\n",
         {{"", "YHOO\n+2\n10", ""}}},
        {"standard: comment, ids, and an end without a blank line",
         ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
         {{"", "first event", "1"}, {"", "second event", ""}}},
        {"standard: only one space is taken",
         "data: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         {{"", "first event", "1"}, {"", "second event", ""}, {"", " third event", ""}}},
        {"standard: empty data is data",
         "data\n\ndata\ndata\n\ndata:",
         {{"", "", ""}, {"", "\n", ""}}},
        {"standard: the space is optional",
         "data:test\n\ndata: test\n\n",
         {{"", "test", ""}, {"", "test", ""}}},
        {"standard: names",
         "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
         {{"add", "73857293", ""}, {"remove", "2153", ""}}},
        {"CR", "data: a\rdata: b\r\rdata: c\r\r", {{"", "a\nb", ""}, {"", "c", ""}}},
        {"CRLF", "data: a\r\ndata: b\r\n\r\n", {{"", "a\nb", ""}}},
        {"CRLF then LF is two ends", "data: a\r\n\n", {{"", "a", ""}}},
        {"CRLF then CR is two ends", "data: a\r\n\rdata: b\n\r", {{"", "a", ""}, {"", "b", ""}}},
        {"CR CRLF is two ends", "data: a\r\r\ndata: b\n\n", {{"", "a", ""}, {"", "b", ""}}},
        {"CRLF alone is one end", "data: a\r\ndata: b\n\n", {{"", "a\nb", ""}}},
        {"mixed",
         "data: a\ndata: b\rdata: c\r\n\rdata: d\n\n",
         {{"", "a\nb\nc", ""}, {"", "d", ""}}},
    };
}

std::vector<Case> field_cases() {
    return {
        {"byte order mark",
         "\xef\xbb\xbf"
         "data: a\n\n",
         {{"", "a", ""}}},
        {"only the first mark goes",
         "\xef\xbb\xbf\xef\xbb\xbf"
         "data: a\n\ndata: b\n\n",
         {{"", "b", ""}}},
        {"half a mark is text",
         "\xef\xbb"
         "data: a\n\ndata: b\n\n",
         {{"", "b", ""}}},
        {"half a mark and its line end", "\xef\xbb\ndata: a\n\n", {{"", "a", ""}}},
        {"a mark later is text",
         "data: \xef\xbb\xbf"
         "a\n\n",
         {{"",
           "\xef\xbb\xbf"
           "a",
           ""}}},
        {"comments vanish", ":\n: hb\n:data: x\ndata: a\n:b\ndata: c\n\n", {{"", "a\nc", ""}}},
        {"a name without data is forgotten", "event: x\n\ndata: a\n\n", {{"", "a", ""}}},
        {"the last name counts", "event: x\nevent: y\ndata: a\n\n", {{"y", "a", ""}}},
        {"an empty name takes it back", "event: x\nevent\ndata: a\n\n", {{"", "a", ""}}},
        {"an id without data is kept",
         "id: 7\n\ndata: a\n\ndata: b\n\n",
         {{"", "a", "7"}, {"", "b", "7"}}},
        {"an id with a NUL is ignored", "id: 1\nid: 2\0003\ndata: a\n\n"sv, {{"", "a", "1"}}},
        {"a NUL in data stays", "data: a\0b\n\n"sv, {{"", "a\0b"s, ""}}},
        {"unknown fields are ignored",
         "retry: 10\nfoo: x\nDATA: x\n data: x\ndata : x\ndata: a\n\n",
         {{"", "a", ""}}},
        {"colons in the value stay", "data:a:b: c\n\n", {{"", "a:b: c", ""}}},
        {"a tab is no space", "data:\ta\n\n", {{"", "\ta", ""}}},
        {"UTF-8 passes",
         "data: \xf0\x9f\x98\x80 gr\xc3\xbc\xc3\x9f\n\n",
         {{"", "\xf0\x9f\x98\x80 gr\xc3\xbc\xc3\x9f", ""}}},
        {"Unicode's line ends are none",
         "data: a\xe2\x80\xa8\xc2\x85\x0b\x0c"
         "b\n\n",
         {{"",
           "a\xe2\x80\xa8\xc2\x85\x0b\x0c"
           "b",
           ""}}},
        {"blank lines are no events", "\n\r\n\r\n\r\rdata: a\n\n\n\n", {{"", "a", ""}}},
        {"nothing", "", {}},
        {"an unfinished event is dropped", "data: a\n", {}},
        {"chat completion",
         "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n",
         {{"", "{\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}", ""}, {"", "[DONE]", ""}}},
    };
}

std::vector<Case> cases() {
    std::vector<Case> all = line_cases();
    for (const Case& c : field_cases()) all.push_back(c);
    return all;
}

TEST(SseDecoder, reads_streams_as_the_standard_says) {
    for (const Case& c : cases()) EXPECT_EQ(decode({c.stream}), c.events) << c.what;
}

TEST(SseDecoder, every_cut_gives_the_same_events) {
    for (const Case& c : cases()) {
        for (std::size_t cut = 0; cut <= c.stream.size(); ++cut)
            EXPECT_EQ(decode({c.stream.substr(0, cut), c.stream.substr(cut)}), c.events)
                << c.what << ", cut at " << cut;
        for (std::size_t step = 1; step < 9; ++step)
            EXPECT_EQ(decode_in_steps(c.stream, step), c.events) << c.what << ", by " << step;
    }
}

TEST(SseDecoder, every_cut_in_three_gives_the_same_events) {
    static constexpr std::string_view stream =
        "\xef\xbb\xbf: x\r\nevent: n\r\ndata: gr\xc3\xbc\r\ndata:\r\n\r\nid: 9\rdata: b\r\r\n";
    const std::vector<Kept> events = {{"n", "gr\xc3\xbc\n", ""}, {"", "b", "9"}};
    for (std::size_t first = 0; first <= stream.size(); ++first)
        for (std::size_t second = first; second <= stream.size(); ++second)
            ASSERT_EQ(decode({stream.substr(0, first), stream.substr(first, second - first),
                              stream.substr(second)}),
                      events)
                << first << ", " << second;
}

TEST(SseDecoder, random_streams_do_not_depend_on_their_cuts) {
    std::mt19937 chance(4);
    static constexpr std::array<std::string_view, 16> parts = {
        "\r",    "\n", "\r\n", "\n\n", "data",         "data:",    "data: ", "event: e",
        "id: 3", ":",  " ",    "x",    "\xef\xbb\xbf", "\xc3\xa9", "\r\r",   "retry: 1"};
    for (int round = 0; round < 3000; ++round) {
        std::string stream;
        for (std::size_t n = chance() % 20; n > 0; --n) stream += parts[chance() % parts.size()];
        const auto whole = decode({stream});
        ASSERT_EQ(decode_in_steps(stream, 1), whole) << testing::PrintToString(stream);
        ASSERT_EQ(decode_in_steps(stream, 1 + chance() % 7), whole)
            << testing::PrintToString(stream);
    }
}

TEST(SseDecoder, an_event_over_its_bound_stops_the_stream) {
    const std::vector<std::pair<std::string, bool>> streams = {
        {"data: 3456789012345678\n\n", false},
        {"data: " + std::string(26, 'x') + "\n\n", false},
        {"data: " + std::string(27, 'x') + "\n\n", true},
        {"data: " + std::string(27, 'x'), true}, // no line end is needed to see it
        {"data: 456789\ndata: 456789\ndata: 4567890\n\n", false},
        {"data: 4567890\ndata: 4567890\ndata: 456789012345\n\n", true},
        {": " + std::string(40, 'x') + "\n", true}, // a comment costs memory as well
        {"data: a\n\ndata: " + std::string(40, 'x') + "\n\n", true},
        {"data\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\ndata\n\n", false},
    };
    for (const auto& [stream, over] : streams) {
        for (const std::size_t step : {stream.size(), std::size_t{1}, std::size_t{5}}) {
            SseDecoder decoder(32);
            std::vector<Kept> out;
            for (std::size_t at = 0; at < stream.size() && !decoder.overflowed(); at += step)
                feed(decoder, std::string_view(stream).substr(at, step), out);
            EXPECT_EQ(decoder.overflowed(), over) << stream << ", by " << step;
            EXPECT_EQ(out.empty(), over && !stream.starts_with("data: a\n\n")) << stream;
        }
    }
}

TEST(SseDecoder, a_flood_of_empty_data_lines_is_bounded) {
    SseDecoder decoder(1024);
    std::vector<Kept> out;
    for (int i = 0; i < 2000 && !decoder.overflowed(); ++i) feed(decoder, "data\n", out);
    EXPECT_TRUE(decoder.overflowed());
    EXPECT_TRUE(out.empty());
    feed(decoder, "\n\ndata: a\n\n", out); // and nothing revives it
    EXPECT_TRUE(out.empty());
}

TEST(SseDecoder, long_streams_of_small_events_stay_within_the_bound) {
    SseDecoder decoder(32);
    std::vector<Kept> out;
    for (int i = 0; i < 1000; ++i) feed(decoder, "data: 0123456789\n\n", out);
    EXPECT_FALSE(decoder.overflowed());
    EXPECT_EQ(out.size(), 1000u);
}

TEST(SseDecoder, says_whether_an_event_is_unfinished) {
    const std::vector<std::pair<std::string_view, bool>> streams = {{"", false},
                                                                    {"d", true},
                                                                    {"data: a", true},
                                                                    {"data: a\n", true},
                                                                    {"data: a\n\n", false},
                                                                    {": hb\n", false},
                                                                    {"data: a\r\r", false},
                                                                    {"data: a\r\n\r", false}};
    for (const auto& [stream, unfinished] : streams) {
        SseDecoder decoder(64);
        std::vector<Kept> out;
        feed(decoder, stream, out);
        EXPECT_EQ(decoder.mid_event(), unfinished) << testing::PrintToString(std::string(stream));
    }
}

TEST(SseDecoder, an_event_handed_out_is_finished_before_the_next_call) {
    SseDecoder decoder(64);
    std::string_view bytes = "data: a\n\n";
    SseEvent event;
    ASSERT_TRUE(decoder.next(bytes, event));
    EXPECT_FALSE(decoder.mid_event());
}

} // namespace
} // namespace weir::wire
