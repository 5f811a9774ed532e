#include "access/key_text.h"

#include "base/token_text.h"
#include "net/system_clock.h"

#include <gtest/gtest.h>
#include <set>

namespace weir::access {
namespace {

class KeyTextTest : public testing::Test {
protected:
    net::SystemRandom random;
};

TEST_F(KeyTextTest, gives_back_the_parts_it_was_made_of) {
    for (int i = 0; i < 200; ++i) {
        const KeyText key = KeyText::make(random);
        const std::string text = key.text();
        EXPECT_TRUE(text.starts_with("sk-weir-"));
        const auto parts = parse_key(text);
        ASSERT_TRUE(parts) << text;
        EXPECT_EQ(parts->public_id, key.public_id);
        EXPECT_EQ(parts->secret, key.secret.reveal());
    }
}

TEST_F(KeyTextTest, is_new_every_time) {
    std::set<std::string> seen;
    for (int i = 0; i < 1'000; ++i) seen.insert(KeyText::make(random).text());
    EXPECT_EQ(seen.size(), 1'000u);
}

TEST_F(KeyTextTest, with_any_one_character_wrong_is_no_key) {
    const std::string text = KeyText::make(random).text();
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char c : base62_digits) {
            std::string wrong = text;
            if (wrong[i] == c) continue;
            wrong[i] = c;
            ASSERT_FALSE(parse_key(wrong)) << wrong;
        }
    }
}

TEST_F(KeyTextTest, with_two_neighbours_swapped_is_no_key) {
    const std::string text = KeyText::make(random).text();
    for (std::size_t i = 0; i + 1 < text.size(); ++i) {
        std::string wrong = text;
        std::swap(wrong[i], wrong[i + 1]);
        if (wrong != text) EXPECT_FALSE(parse_key(wrong)) << wrong;
    }
}

TEST_F(KeyTextTest, cut_or_longer_is_no_key) {
    const std::string text = KeyText::make(random).text();
    for (std::size_t length = 0; length < text.size(); ++length)
        EXPECT_FALSE(parse_key(text.substr(0, length)));
    EXPECT_FALSE(parse_key(text + "0"));
    EXPECT_FALSE(parse_key(" " + text));
    EXPECT_FALSE(parse_key(text + "\n"));
}

TEST_F(KeyTextTest, of_others_is_no_key) {
    for (const std::string_view text :
         {"", "sk-", "sk-weir-", "sk-proj-abcdefghijklmnopqrstuvwxyz", "Bearer sk-weir-x"})
        EXPECT_FALSE(parse_key(text)) << text;
}

TEST_F(KeyTextTest, of_other_characters_is_no_key_even_if_its_checksum_fits) {
    const auto with_checksum = [](const std::string& body) {
        return body + base62_of_32_bits(crc32(body));
    };
    const std::string secret(32, 's');
    EXPECT_TRUE(parse_key(with_checksum("sk-weir-abcdefghijkl-" + secret)));
    EXPECT_FALSE(parse_key(with_checksum("sk-weir-abcdef_hijkl-" + secret)));
    EXPECT_FALSE(parse_key(with_checksum("sk-weir-abcdefghijkl_" + secret)));
    EXPECT_FALSE(parse_key(with_checksum("sk-weir-abcdefghijkl-" + std::string(32, '\xc3'))));
}

TEST_F(KeyTextTest, is_stored_as_a_hash_that_the_pepper_keys) {
    const Secret pepper("a pepper of 16 bytes and more");
    const Digest hash = key_hash(pepper, "secret");
    EXPECT_EQ(hash, key_hash(pepper, "secret"));
    EXPECT_NE(hash, key_hash(pepper, "secres"));
    EXPECT_NE(hash, key_hash(Secret("another pepper, long enough"), "secret"));
    EXPECT_NE(hash, key_hash(Secret(), "secret"));
}

} // namespace
} // namespace weir::access
