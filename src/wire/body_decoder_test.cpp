#include "wire/body_decoder.h"

#include "base/limits.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::wire {
namespace {

using namespace std::string_literals;
using Kind = Framing::Kind;

struct Outcome {
    bool refused = false;
    bool done = false;
    std::string body;
    std::size_t used = 0;

    bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
    *out << (outcome.refused ? "refused"
             : outcome.done  ? "done"
                             : "unfinished")
         << " after " << outcome.used << " bytes with " << testing::PrintToString(outcome.body);
}

// `length_of` says how long each next piece is.
template <class LengthOf>
Outcome decode(BodyDecoder decoder, std::string_view bytes, LengthOf length_of) {
    Outcome out;
    out.done = decoder.done();
    while (out.used < bytes.size() && !out.done) {
        std::string_view piece = bytes.substr(out.used, length_of());
        while (!piece.empty() && !out.done) {
            const auto step = decoder.feed(piece);
            if (!step) {
                out.refused = true;
                return out;
            }
            if (step->used == 0) {
                ADD_FAILURE() << "no progress at " << out.used;
                return out;
            }
            out.body += step->piece;
            out.used += step->used;
            out.done = step->done;
            piece.remove_prefix(step->used);
        }
    }
    EXPECT_EQ(decoder.received(), out.body.size());
    EXPECT_EQ(decoder.done(), out.done);
    return out;
}

Outcome chunked(std::string_view bytes, std::size_t step = SIZE_MAX) {
    // How many bytes an error came after depends on the cuts; what was handed out before it does
    // not.
    Outcome out = decode(BodyDecoder(Framing{Kind::chunked, 0}), bytes, [=] { return step; });
    if (out.refused) out.used = 0;
    return out;
}

TEST(BodyDecoder, a_body_with_a_length_takes_just_that_many_bytes) {
    const BodyDecoder five(Framing{Kind::length, 5});
    EXPECT_EQ(decode(five, "helloGET /", [] { return 100u; }), (Outcome{false, true, "hello", 5}));
    EXPECT_EQ(decode(five, "helloGET /", [] { return 1u; }), (Outcome{false, true, "hello", 5}));
    EXPECT_EQ(decode(five, "hell", [] { return 3u; }), (Outcome{false, false, "hell", 4}));
    EXPECT_EQ(decode(BodyDecoder(Framing{Kind::length, 0}), "x", [] { return 1u; }),
              (Outcome{false, true, "", 0}));
    EXPECT_EQ(decode(BodyDecoder(Framing{Kind::length, UINT64_MAX}), "xyz", [] { return 2u; }),
              (Outcome{false, false, "xyz", 3}));
}

TEST(BodyDecoder, no_body_is_done_at_once) {
    EXPECT_TRUE(BodyDecoder().done());
    BodyDecoder none(Framing{Kind::none, 0});
    EXPECT_TRUE(none.done());
    EXPECT_TRUE(none.complete_at_end_of_input());
    const auto step = none.feed("next");
    ASSERT_TRUE(step);
    EXPECT_EQ(step->used, 0u);
    EXPECT_TRUE(step->done);
}

TEST(BodyDecoder, only_a_whole_body_may_end_with_the_connection) {
    const auto complete = [](const Framing& framing, std::string_view bytes) {
        BodyDecoder decoder(framing);
        while (!bytes.empty() && !decoder.done()) {
            const auto step = decoder.feed(bytes);
            if (!step) return false;
            bytes.remove_prefix(step->used);
        }
        return decoder.complete_at_end_of_input();
    };
    EXPECT_TRUE(complete({Kind::until_close, 0}, ""));
    EXPECT_TRUE(complete({Kind::until_close, 0}, "0\r\n\r\n"));
    EXPECT_TRUE(complete({Kind::length, 2}, "ab"));
    EXPECT_FALSE(complete({Kind::length, 2}, "a"));
    static constexpr std::string_view chunks = "2;x\r\nab\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t cut = 0; cut < chunks.size(); ++cut)
        EXPECT_FALSE(complete({Kind::chunked, 0}, chunks.substr(0, cut))) << cut;
    EXPECT_TRUE(complete({Kind::chunked, 0}, chunks));
}

TEST(BodyDecoder, until_close_hands_everything_out) {
    const std::string bytes = "anything\r\n\0\xff"s;
    for (const std::size_t step : {1u, 3u, 100u})
        EXPECT_EQ(decode(BodyDecoder(Framing{Kind::until_close, 0}), bytes, [=] { return step; }),
                  (Outcome{false, false, bytes, bytes.size()}));
}

TEST(BodyDecoder, pieces_are_slices_of_the_input) {
    const std::string bytes = "5\r\nhello\r\n0\r\n\r\n";
    BodyDecoder decoder(Framing{Kind::chunked, 0});
    const auto step = decoder.feed(bytes);
    ASSERT_TRUE(step);
    EXPECT_EQ(step->piece, "hello");
    EXPECT_EQ(step->piece.data(), bytes.data() + 3);
    EXPECT_EQ(step->used, 8u);
}

TEST(BodyDecoder, accepts_every_form_of_chunk_that_the_grammar_has) {
    for (const std::string_view bytes :
         {"a\r\n0123456789\r\n0\r\n\r\n", "A\r\n0123456789\r\n0\r\n\r\n",
          "00000000000000a\r\n0123456789\r\n000000\r\n\r\n",
          "5;a=b\r\n01234\r\n5;a=\"q;\\\"\"\r\n56789\r\n0;last\r\n\r\n",
          "a\r\n0123456789\r\n0\r\nA: b\r\nC:\r\nD: e f\r\n\r\n",
          "1\r\n0\r\n9\r\n123456789\r\n0\r\n\r\n"}) {
        const std::string more = std::string(bytes) + "GET / HTTP/1.1\r\n";
        for (std::size_t step = 1; step <= more.size(); ++step)
            EXPECT_EQ(chunked(more, step), (Outcome{false, true, "0123456789", bytes.size()}))
                << bytes << ", by " << step;
    }
}

TEST(BodyDecoder, refuses_malformed_chunks_however_they_are_cut) {
    for (const std::string& bytes : {"\r\n"s,
                                     "g\r\n"s,
                                     "\r\n5\r\nhello\r\n"s,
                                     "5\nhello\r\n"s,
                                     "5\rhello"s,
                                     "5\r\r\n"s,
                                     " 5\r\n"s,
                                     "5 \r\n"s,
                                     "5\t\r\n"s,
                                     "0x5\r\n"s,
                                     "+5\r\n"s,
                                     "-5\r\n"s,
                                     ";a\r\n"s,
                                     "5,5\r\n"s,
                                     "5\0\r\n"s,
                                     "5;a\nhello"s,
                                     "5;a\rb\r\n"s,
                                     "5;\x01\r\n"s,
                                     "5;\x7f\r\n"s,
                                     "5;\0\r\n"s,
                                     "5 ;a\r\n"s,
                                     "5\r\nhello0\r\n\r\n"s,
                                     "5\r\nhello\n0\r\n\r\n"s,
                                     "5\r\nhello\r0\r\n\r\n"s,
                                     "5\r\nhello!\r\n0\r\n\r\n"s,
                                     "5\r\nhello!\n0\r\n\r\n"s,
                                     "5\r\nhello\n\n0\r\n\r\n"s,
                                     "5\r\nhello\r!0\r\n\r\n"s,
                                     "4\r\nhello\r\n0\r\n\r\n"s,
                                     "6\r\nhello\r\n0\r\n\r\n"s,
                                     "0\n\n"s,
                                     "0\r\n\n"s,
                                     "0\r\n\r\r\n"s,
                                     "0\r\nA: b\n\r\n"s,
                                     "0\r\nA: b\rc\r\n"s,
                                     "0\r\nA: \0\r\n\r\n"s,
                                     "0\r\nA: \x01\r\n\r\n"s,
                                     "0\r\n: b\r\n\r\n"s,
                                     "0\r\n A: b\r\n\r\n"s,
                                     "0\r\nA: b\r\n c\r\n\r\n"s,
                                     "\xef\xbc\x95\r\n"s}) {
        EXPECT_TRUE(chunked(bytes).refused) << testing::PrintToString(bytes);
        for (std::size_t step = 1; step < bytes.size(); ++step)
            EXPECT_EQ(chunked(bytes, step), chunked(bytes)) << testing::PrintToString(bytes);
    }
}

TEST(BodyDecoder, no_size_can_overflow) {
    EXPECT_FALSE(chunked("fffffffffffffff\r\nab").refused);
    EXPECT_EQ(chunked("fffffffffffffff\r\nab").body, "ab");
    for (const std::string_view size :
         {"ffffffffffffffff", "10000000000000000", "10000000000000005", "fffffffffffffffff",
          "0000000000000000000000005", "100000000000000000000000000000000", "8000000000000000"})
        EXPECT_TRUE(chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n").refused) << size;
}

TEST(BodyDecoder, extensions_are_bounded_even_over_many_chunks) {
    const auto extended = [](std::size_t length) {
        return "1;" + std::string(length, 'x') + "\r\na\r\n";
    };
    EXPECT_TRUE(chunked(extended(limits::chunk_extension_bytes) + "0\r\n\r\n").done);
    EXPECT_TRUE(chunked(extended(limits::chunk_extension_bytes + 1)).refused);
    EXPECT_TRUE(chunked("1;" + std::string(limits::chunk_extension_bytes + 1, 'x')).refused);
    std::string many;
    for (std::size_t i = 0; i <= limits::chunk_extension_bytes; ++i) many += extended(1);
    EXPECT_TRUE(chunked(many).refused);
}

TEST(BodyDecoder, trailers_are_bounded) {
    const auto trailed = [](std::size_t all) {
        return "0\r\nA:" + std::string(all - 6, 'x') + "\r\n\r\n";
    };
    EXPECT_TRUE(chunked(trailed(limits::trailer_bytes)).done);
    EXPECT_TRUE(chunked(trailed(limits::trailer_bytes + 1)).refused);
    EXPECT_TRUE(chunked("0\r\nA:" + std::string(limits::trailer_bytes, 'x')).refused);
    std::string many = "0\r\n";
    while (many.size() < limits::trailer_bytes + 10) many += "A:b\r\n";
    EXPECT_TRUE(chunked(many).refused);
}

TEST(BodyDecoder, a_trailer_line_is_a_field_and_nothing_else) {
    // Else the head of a next request could vanish behind a body that lost its last empty line.
    for (const std::string_view lines :
         {"GET /admin HTTP/1.1\r\nHost: a\r\n", "A\r\n", "A b: c\r\n", "A : b\r\n", "\tA: b\r\n",
          "A: b\r\n\tc\r\n", "\xc3\xa9: b\r\n", "A(: b\r\n", "A: b\r\nC\r\n"}) {
        const std::string bytes = "1\r\na\r\n0\r\n" + std::string(lines) + "\r\n";
        EXPECT_TRUE(chunked(bytes).refused) << testing::PrintToString(bytes);
        for (std::size_t step = 1; step < bytes.size(); ++step)
            EXPECT_EQ(chunked(bytes, step), chunked(bytes)) << testing::PrintToString(bytes);
    }
}

class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t bound) { return engine_() % bound; }
    std::string text(std::string_view letters, std::size_t length) {
        std::string out(length, ' ');
        for (char& c : out) c = letters[below(letters.size())];
        return out;
    }
    std::string bytes(std::size_t length) {
        std::string out(length, ' ');
        for (char& c : out) c = static_cast<char>(below(256));
        return out;
    }

private:
    std::mt19937 engine_;
};

std::string hexadecimal(Chance& chance, std::size_t size) {
    const std::string_view digits = chance.below(2) == 0 ? "0123456789abcdef" : "0123456789ABCDEF";
    std::string out;
    do out.insert(0, 1, digits[size % 16]);
    while ((size /= 16) > 0);
    return std::string(chance.below(5), '0') + out;
}

std::string encode(Chance& chance, std::string_view body) {
    std::string out;
    const auto extension = [&] {
        if (chance.below(4) == 0)
            out += ";" + chance.text("abc=\";, \t\xc3\xa9\\", chance.below(6));
        out += "\r\n";
    };
    for (std::size_t count = 0; !body.empty(); ++count) {
        // The bound on extensions is over the whole body: many chunks here have none.
        const std::size_t size =
            count > 20 ? body.size() : 1 + chance.below(std::min<std::size_t>(body.size(), 40));
        out += hexadecimal(chance, size);
        extension();
        out.append(body.substr(0, size)).append("\r\n");
        body.remove_prefix(size);
    }
    out += chance.below(2) == 0 ? "0" : "000";
    extension();
    for (std::size_t n = chance.below(4); n > 0; --n)
        out += chance.text("abcXYZ-", 1 + chance.below(8)) + ":" +
               chance.text("ab :;\t\xff", chance.below(9)) + "\r\n";
    return out + "\r\n";
}

TEST(BodyDecoder, random_bodies_come_back_however_they_were_chunked_and_cut) {
    Chance chance(11);
    for (int round = 0; round < 3000; ++round) {
        const std::string body = chance.below(2) == 0 ? chance.bytes(chance.below(300))
                                                      : chance.text("\r\n0;:5a", chance.below(60));
        const std::string wire = encode(chance, body);
        const std::string bytes = wire + chance.bytes(chance.below(20));
        const std::size_t most = 1 + chance.below(30);
        const Outcome out = decode(BodyDecoder(Framing{Kind::chunked, 0}), bytes,
                                   [&] { return 1 + chance.below(most); });
        ASSERT_EQ(out, (Outcome{false, true, body, wire.size()})) << testing::PrintToString(wire);
    }
}

// Of a message that lost, gained or changed one byte of its framing, no other body may be made.
// A byte that came just behind the message is the next one's to refuse.
bool is_harmless(const std::string& bytes, std::string_view body, std::string_view next) {
    const Outcome out = chunked(bytes);
    if (out.refused || !out.done) return true;
    const std::string_view rest = std::string_view(bytes).substr(out.used);
    return out.body == body && (rest == next || rest == "\n" + std::string(next));
}

TEST(BodyDecoder, one_wrong_byte_of_framing_is_refused_or_harmless) {
    static constexpr std::string_view next = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const std::string_view wire :
         {"3\r\nxyz\r\n1a;e=1\r\nxxxxxxxxxxyyyyyyyyyyzzzzzz\r\n0\r\n\r\n",
          "3\r\nxyz\r\n0\r\nT: v\r\n\r\n"}) {
        const std::string good = std::string(wire) + std::string(next);
        const std::string body = chunked(good).body;
        ASSERT_EQ(chunked(good), (Outcome{false, true, body, wire.size()}));
        for (std::size_t at = 0; at < wire.size(); ++at) {
            std::string bad = good;
            bad.erase(at, 1);
            ASSERT_TRUE(is_harmless(bad, body, next)) << testing::PrintToString(bad);
            const bool framing = std::string_view("xyz").find(good[at]) == std::string_view::npos;
            for (int byte = 0; byte < 256; ++byte) {
                bad = good;
                bad.insert(at, 1, static_cast<char>(byte));
                ASSERT_TRUE(is_harmless(bad, body, next)) << testing::PrintToString(bad);
                bad = good;
                if (framing) bad[at] = static_cast<char>(byte);
                ASSERT_TRUE(is_harmless(bad, body, next)) << testing::PrintToString(bad);
            }
        }
    }
}

} // namespace
} // namespace weir::wire
