#include "base/seal.h"

#include "base/digest.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

class Counting final : public Random {
public:
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = std::byte(next_++);
    }

private:
    unsigned char next_ = 0;
};

class SealTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(start_cryptography()); }
    Counting random;
    const Seal seal{Secret("master"), "keys"};
    const Secret secret{"sk-provider-0123456789"};
};

TEST_F(SealTest, opens_what_it_sealed_and_shows_nothing_of_it) {
    const std::string sealed = seal.seal(secret, "p/a", random);
    EXPECT_EQ(sealed.find("provider"), std::string::npos);
    const auto open = seal.open(sealed, "p/a");
    ASSERT_TRUE(open);
    EXPECT_EQ(open->reveal(), secret.reveal());
    EXPECT_NE(seal.seal(secret, "p/a", random), sealed) << "each has a nonce of its own";
    EXPECT_TRUE(seal.open(seal.seal(Secret(""), "", random), ""));
}

TEST_F(SealTest, opens_nothing_else) {
    const std::string sealed = seal.seal(secret, "p/a", random);
    EXPECT_FALSE(seal.open(sealed, "p/b")) << "another context";
    EXPECT_FALSE(Seal(Secret("other"), "keys").open(sealed, "p/a"));
    EXPECT_FALSE(Seal(Secret("master"), "tokens").open(sealed, "p/a"));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = static_cast<char>(changed[i] ^ 1);
        EXPECT_FALSE(seal.open(changed, "p/a")) << i;
        EXPECT_FALSE(seal.open(sealed.substr(0, i), "p/a")) << i;
    }
}

} // namespace
} // namespace weir
