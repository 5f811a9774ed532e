#include "wire/head_collector.h"

#include "base/limits.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

using namespace std::string_view_literals;

struct Outcome {
    int status = 0; // 200: whole, 0: more is awaited
    std::size_t used = 0;
    std::string head;

    bool operator==(const Outcome&) const = default;
};

Outcome collect(const std::vector<std::string_view>& pieces) {
    HeadCollector collector;
    Outcome out;
    for (const std::string_view piece : pieces) {
        const auto fed = collector.feed(piece);
        if (!fed) return {fed.error().status, 0, ""};
        out.used += fed->used;
        if (!fed->whole) {
            EXPECT_EQ(fed->used, piece.size());
            continue;
        }
        out.status = 200;
        out.head = collector.take();
        EXPECT_TRUE(collector.empty());
        return out;
    }
    return out;
}

TEST(HeadCollector, ends_at_the_empty_line_and_takes_no_byte_after_it) {
    static constexpr std::string_view head = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    const std::string bytes = std::string(head) + "body \r bytes \n are not its own";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        const Outcome out =
            collect({std::string_view(bytes).substr(0, cut), std::string_view(bytes).substr(cut)});
        EXPECT_EQ(out, (Outcome{200, head.size(), std::string(head)})) << cut;
    }
}

TEST(HeadCollector, refuses_what_can_never_become_a_head) {
    const std::vector<std::string_view> bad = {
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
        "GET / HTTP/1.1\r\nA: \0\r\n\r\n"sv,
        "G\0T / HTTP/1.1\r\n\r\n"sv,
        "\n",
        "\r\r",
        "\rGET / HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\n\r\n",
    };
    for (const std::string_view bytes : bad) {
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
            EXPECT_EQ(collect({bytes.substr(0, cut), bytes.substr(cut)}).status, 400)
                << testing::PrintToString(std::string(bytes)) << ", cut at " << cut;
    }
}

TEST(HeadCollector, a_bare_cr_is_seen_before_its_line_ends) {
    EXPECT_EQ(collect({"GET / HTTP/1.1\rx"}).status, 400);
    EXPECT_EQ(collect({"GET / HTTP/1.1\r", "x"}).status, 400);
    EXPECT_EQ(collect({"GET / HTTP/1.1\r"}).status, 0);
}

TEST(HeadCollector, one_empty_line_before_the_start_line_is_forgiven) {
    static constexpr std::string_view bytes = "\r\nGET / HTTP/1.0\r\n\r\n";
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
        EXPECT_EQ(collect({bytes.substr(0, cut), bytes.substr(cut)}),
                  (Outcome{200, bytes.size(), "GET / HTTP/1.0\r\n\r\n"}))
            << cut;
}

TEST(HeadCollector, is_empty_until_a_byte_came) {
    HeadCollector collector;
    EXPECT_TRUE(collector.empty());
    ASSERT_TRUE(collector.feed(""));
    EXPECT_TRUE(collector.empty());
    ASSERT_TRUE(collector.feed("\r"));
    EXPECT_FALSE(collector.empty());
    ASSERT_TRUE(collector.feed("\n"));
    EXPECT_FALSE(collector.empty());
    ASSERT_TRUE(collector.feed("G"));
    EXPECT_FALSE(collector.empty());
}

TEST(HeadCollector, pipelined_heads_come_one_by_one) {
    std::string bytes;
    for (int i = 0; i < 50; ++i)
        bytes += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const std::size_t step : {bytes.size(), std::size_t{1}, std::size_t{3}, std::size_t{64}}) {
        HeadCollector collector;
        std::string all;
        int heads = 0;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            std::string_view piece = std::string_view(bytes).substr(at, step);
            while (!piece.empty()) {
                const auto fed = collector.feed(piece);
                ASSERT_TRUE(fed);
                piece.remove_prefix(fed->used);
                if (!fed->whole) continue;
                all += collector.take();
                ++heads;
            }
        }
        EXPECT_EQ(heads, 50);
        EXPECT_EQ(all, bytes);
    }
}

// The bytes may come in one piece or in many: what is too long is too long.
int collect_in_steps(std::string_view bytes, std::size_t step) {
    std::vector<std::string_view> pieces;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size())))
        pieces.push_back(bytes.substr(0, step));
    return collect(pieces).status;
}

TEST(HeadCollector, too_long_a_start_line_is_414_without_waiting_for_its_end) {
    const std::string endless = "GET /" + std::string(limits::request_line_bytes + 100, 'a');
    const std::string ended = endless + " HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const std::size_t step : {endless.size() * 2, std::size_t{1000}, std::size_t{64}}) {
        EXPECT_EQ(collect_in_steps(endless, step), 414) << step;
        EXPECT_EQ(collect_in_steps(ended, step), 414) << step;
    }
}

TEST(HeadCollector, too_large_a_head_is_431_without_waiting_for_its_end) {
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    while (many.size() <= limits::head_bytes) many += "A: b\r\n";
    for (const std::size_t step : {limits::head_bytes * 2, std::size_t{1000}, std::size_t{64}}) {
        EXPECT_EQ(collect_in_steps(start + std::string(limits::head_bytes, 'x'), step), 431)
            << step;
        EXPECT_EQ(collect_in_steps(many, step), 431) << step;
    }
}

TEST(HeadCollector, a_head_of_just_the_limit_passes) {
    std::string head = "GET / HTTP/1.1\r\nA: ";
    head += std::string(limits::head_bytes - head.size() - 4, 'x') + "\r\n\r\n";
    ASSERT_EQ(head.size(), limits::head_bytes);
    for (const std::size_t step : {head.size(), std::size_t{1}, std::size_t{1000}})
        EXPECT_EQ(collect_in_steps(head, step), 200) << step;
    head.insert(head.size() - 4, "x");
    for (const std::size_t step : {head.size(), std::size_t{1}, std::size_t{1000}})
        EXPECT_EQ(collect_in_steps(head, step), 431) << step;
}

} // namespace
} // namespace weir::wire
