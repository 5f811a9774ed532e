#include "chat/tokenizer.h"

#include <chrono>
#include <gtest/gtest.h>
#include <random>

namespace weir::chat {
namespace {

using Ranks = std::vector<std::uint32_t>;

// By definition: the lowest pair is joined until there is none, with nothing clever about it.
Ranks by_definition(std::string_view piece, const BytePairs& pairs) {
    std::vector<std::string> parts;
    for (const char c : piece) parts.emplace_back(1, c);
    const auto rank = [&](const std::string& bytes) -> std::int64_t {
        Ranks out;
        pairs.encode(bytes, out);
        // A vocabulary word of more than a byte is one token exactly where it stands in it.
        return out.size() == 1 ? out[0] : INT64_MAX;
    };
    while (true) {
        std::int64_t lowest = INT64_MAX;
        std::size_t at = 0;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i)
            if (const std::int64_t r = rank(parts[i] + parts[i + 1]); r < lowest)
                lowest = r, at = i;
        if (lowest == INT64_MAX) break;
        parts[at] += parts[at + 1];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
    Ranks out;
    for (const std::string& part : parts) out.push_back(static_cast<std::uint32_t>(rank(part)));
    return out;
}

TEST(Tokenizer, has_the_whole_vocabularies) {
    EXPECT_EQ(byte_pairs(Encoding::cl100k_base).size(), 100'256U);
    EXPECT_EQ(byte_pairs(Encoding::o200k_base).size(), 199'998U);
}

TEST(Tokenizer, says_what_openai_says_of_its_own_examples) {
    // From the cookbook "How to count tokens with tiktoken".
    EXPECT_EQ(encode_tokens("antidisestablishmentarianism", Encoding::cl100k_base),
              (Ranks{519, 85342, 34500, 479, 8997, 2191}));
    EXPECT_EQ(encode_tokens("2 + 2 = 4", Encoding::o200k_base),
              (Ranks{17, 659, 220, 17, 314, 220, 19}));
    EXPECT_EQ(count_tokens("", Encoding::o200k_base), 0);
}

TEST(Tokenizer, pieces_are_what_the_patterns_match) {
    const auto pieces = [](std::string_view text, Encoding encoding) {
        std::string out;
        while (!text.empty()) {
            out += take_piece(text, encoding);
            out += '|';
        }
        return out;
    };
    const auto o200k = [&](std::string_view text) { return pieces(text, Encoding::o200k_base); };
    const auto cl100k = [&](std::string_view text) { return pieces(text, Encoding::cl100k_base); };
    EXPECT_EQ(o200k("Hello, World's end 12345"), "Hello|,| World's| end| |123|45|");
    EXPECT_EQ(cl100k("Hello, World's end 12345"), "Hello|,| World|'s| end| |123|45|");
    EXPECT_EQ(o200k("HTTPServer JSON"), "HTTPServer| JSON|");
    EXPECT_EQ(o200k("a  b \n\n c   "), "a| | b| \n\n| c|   |");
    EXPECT_EQ(o200k("//x/\n/y"), "//|x|/\n/|y|");
    EXPECT_EQ(cl100k("//x/\n/y"), "//|x|/\n|/y|");
    EXPECT_EQ(o200k("\xe4\xbd\xa0\xe5\xa5\xbd!!"), "\xe4\xbd\xa0\xe5\xa5\xbd|!!|");
}

TEST(Tokenizer, the_heap_and_the_array_join_as_the_definition_does) {
    std::mt19937 random(3); // NOLINT: a fixed seed repeats the run
    for (const Encoding encoding : {Encoding::cl100k_base, Encoding::o200k_base}) {
        const BytePairs& pairs = byte_pairs(encoding);
        for (int round = 0; round < 400; ++round) {
            std::string piece;
            const std::size_t length = 1 + random() % 120;
            const unsigned letters = 1 + random() % 26;
            while (piece.size() < length)
                piece.push_back(static_cast<char>('a' + random() % letters));
            Ranks ranks;
            pairs.encode(piece, ranks);
            ASSERT_EQ(ranks, by_definition(piece, pairs)) << piece;
            ASSERT_EQ(pairs.count(piece), ranks.size());
        }
    }
}

TEST(Tokenizer, hostile_text_takes_linear_time) {
    using Clock = std::chrono::steady_clock;
    const auto cost = [](const std::string& text) {
        const auto begun = Clock::now();
        EXPECT_GT(count_tokens(text, Encoding::o200k_base), 0);
        return std::chrono::duration<double>(Clock::now() - begun).count();
    };
    std::mt19937 random(5); // NOLINT: a fixed seed repeats the run
    std::string letters;
    while (letters.size() < 400'000) letters.push_back(static_cast<char>('a' + random() % 26));
    const std::vector<std::string> texts{
        std::string(400'000, 'a'),    std::string(400'000, 'A'),
        std::string(400'000, ' '),    std::string(400'000, '\n'),
        std::string(400'000, '\''),   std::string(400'000, '7'),
        std::string(400'000, '\xff'), letters,
    };
    for (const std::string& text : texts) {
        const double tenth = cost(text.substr(0, 40'000));
        const double whole = cost(text);
        // Ten times the text may cost some more than ten times: n log n, and noise.
        EXPECT_LT(whole, 0.05 + 40 * tenth) << text.substr(0, 8);
        EXPECT_LT(whole, 5.0) << text.substr(0, 8);
    }
}

TEST(Tokenizer, knows_the_models_whose_tokens_it_can_count) {
    using enum Counting::Exactness;
    EXPECT_EQ(counting_of("gpt-4o-mini").encoding, Encoding::o200k_base);
    EXPECT_EQ(counting_of("openai/gpt-4.1").encoding, Encoding::o200k_base);
    EXPECT_EQ(counting_of("gpt-4-turbo").encoding, Encoding::cl100k_base);
    EXPECT_EQ(counting_of("gpt-4-turbo").exactness, exact);
    EXPECT_EQ(counting_of("llama-3.1-8b-instant").exactness, similar);
}

TEST(BytePairs, a_damaged_vocabulary_is_none) {
    EXPECT_FALSE(BytePairs::parse(""));
    EXPECT_FALSE(BytePairs::parse("\"bpe_ranks\":\"! 0 IQ== "));
    EXPECT_FALSE(BytePairs::parse("\"bpe_ranks\":\"! 0 IQ== Ig==\""));
    EXPECT_FALSE(BytePairs::parse("\"bpe_ranks\":\"! 0 \x01\x02\""));
}

} // namespace
} // namespace weir::chat
