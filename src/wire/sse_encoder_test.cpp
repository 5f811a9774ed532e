#include "wire/sse_encoder.h"

#include "wire/sse_decoder.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::wire {
namespace {

// The standard knows three line ends and hands all of them out as LF.
std::string with_lf(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\r') out.push_back(text[i]);
        else if (i + 1 == text.size() || text[i + 1] != '\n') out.push_back('\n');
    }
    return out;
}

void expect_round_trip(std::string_view name, std::string_view data) {
    std::string stream;
    append_event(stream, name, data);
    const std::size_t length = stream.size();
    append_event(stream, "", "the next one");
    SseDecoder decoder(1 << 20);
    std::string_view rest = stream;
    SseEvent event;
    ASSERT_TRUE(decoder.next(rest, event));
    EXPECT_EQ(event.name, name);
    EXPECT_EQ(event.data, with_lf(data));
    EXPECT_EQ(event.id, "");
    EXPECT_EQ(rest.size(), stream.size() - length);
    ASSERT_TRUE(decoder.next(rest, event));
    EXPECT_EQ(event.data, "the next one");
    EXPECT_FALSE(decoder.next(rest, event));
}

TEST(SseEncoder, writes_the_bytes_clients_expect) {
    std::string out;
    append_event(out, "", "[DONE]");
    append_event(out, "error", "{\"a\":1}");
    append_event(out, "", "");
    EXPECT_EQ(out, "data: [DONE]\n\nevent: error\ndata: {\"a\":1}\n\ndata: \n\n");
}

TEST(SseEncoder, no_data_can_end_its_event_early) {
    const std::vector<std::string_view> hostile = {
        "",
        " ",
        "  two spaces",
        ":",
        ": comment",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "\r\r",
        "\r\n\r\n",
        "\n\r",
        "a\n",
        "\na",
        "a\r\n\r\nb",
        "a\n\ndata: forged\n\n",
        "a\r\revent: forged\rdata: x\r\r",
        "a\nid: 7\nretry: 1\n",
        "data: x",
        "event: y",
        "id: z",
        "\xef\xbb\xbf",
        "\xff\xfe broken utf-8 \xc3",
        "\xe2\x80\xa8 and \xe2\x80\xa9", // Unicode's own line ends are no line ends here
        std::string_view("nul \0 byte", 10)};
    for (const std::string_view data : hostile) {
        SCOPED_TRACE(testing::PrintToString(std::string(data)));
        expect_round_trip("", data);
        expect_round_trip("content.delta", data);
    }
}

TEST(SseEncoder, random_data_comes_back) {
    std::mt19937 chance(9);
    static constexpr std::string_view letters = "\r\n\r\n :daitevn\xc3\xa9";
    for (int round = 0; round < 2000; ++round) {
        std::string data(chance() % 24, ' ');
        for (char& c : data) c = letters[chance() % letters.size()];
        SCOPED_TRACE(testing::PrintToString(data));
        expect_round_trip(round % 2 == 0 ? "" : "name", data);
        if (HasFailure()) return;
    }
}

TEST(SseEncoder, a_heartbeat_is_no_event_wherever_it_stands_between_two) {
    std::string stream(heartbeat);
    append_event(stream, "", "one");
    stream += heartbeat;
    stream += heartbeat;
    append_event(stream, "", "two");
    stream += heartbeat;
    SseDecoder decoder(1024);
    std::string_view rest = stream;
    SseEvent event;
    ASSERT_TRUE(decoder.next(rest, event));
    EXPECT_EQ(event.data, "one");
    ASSERT_TRUE(decoder.next(rest, event));
    EXPECT_EQ(event.data, "two");
    EXPECT_FALSE(decoder.next(rest, event));
    EXPECT_FALSE(decoder.mid_event());
}

} // namespace
} // namespace weir::wire
