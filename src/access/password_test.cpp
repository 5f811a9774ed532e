#include "access/password.h"

#include <gtest/gtest.h>

namespace weir::access {
namespace {

TEST(Password, matches_the_hash_that_was_made_of_it_and_no_other) {
    const Secret password("correct horse battery staple");
    const std::string hash = hash_password(password);
    EXPECT_TRUE(hash.starts_with("$argon2id$")) << hash;
    EXPECT_EQ(hash.find("correct horse"), std::string::npos);
    EXPECT_TRUE(password_matches(password, hash));
    EXPECT_FALSE(password_matches(Secret("correct horse battery stapl"), hash));
    EXPECT_FALSE(password_matches(Secret("correct horse battery staple "), hash));
    EXPECT_FALSE(password_matches(Secret(), hash));
}

TEST(Password, is_salted) {
    const Secret password("correct horse");
    EXPECT_NE(hash_password(password), hash_password(password));
}

TEST(Password, matches_no_damaged_hash) {
    const Secret password("correct horse");
    const std::string hash = hash_password(password);
    std::string damaged = hash;
    damaged[hash.size() - 2] = damaged[hash.size() - 2] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(password_matches(password, damaged));
    EXPECT_FALSE(password_matches(password, hash.substr(0, hash.size() / 2)));
    EXPECT_FALSE(password_matches(password, ""));
    EXPECT_FALSE(password_matches(Secret(), ""));
}

} // namespace
} // namespace weir::access
