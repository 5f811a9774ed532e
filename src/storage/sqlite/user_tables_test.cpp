#include "storage/sqlite/user_tables.h"

#include "access/access.h"
#include "net/system_clock.h"
#include "storage/sqlite/sqlite_store.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace weir::storage {
namespace {

using namespace std::chrono_literals;
using access::Access;

template <class T>
net::Task<void> keep(net::Loop& loop, net::Task<T> task, std::optional<T>& out) {
    out = co_await std::move(task);
    loop.stop();
}

class UserTables : public testing::Test {
protected:
    UserTables() {
        std::string name = testing::TempDir() + "weir_users_XXXXXX";
        path_ = mkdtemp(name.data());
        restart();
    }
    ~UserTables() override {
        access.reset();
        store.reset();
        std::filesystem::remove_all(path_);
    }

    void restart() {
        access.reset();
        store.reset();
        auto opened = SqliteStore::open(path_, config::Durability::process, clock);
        ASSERT_TRUE(opened) << opened.error().message();
        store = *std::move(opened);
        auto made = Access::open({*store, clock, random}, Secret("a pepper of 16 bytes and more"));
        ASSERT_TRUE(made) << made.error().detail();
        access = *std::move(made);
    }
    template <class T>
    T run(net::Task<T> (*start)(Access&, net::Loop&)) {
        net::Loop loop(clock);
        std::optional<T> out;
        loop.spawn(keep(loop, start(*access, loop), out));
        loop.run_for(20s);
        return *std::move(out);
    }
    Access::MadeKey make_everything() {
        EXPECT_TRUE(run<Result<access::Team>>(
            [](Access& a, net::Loop& loop) { return a.add_team(loop, "research"); }));
        EXPECT_TRUE(run<Result<access::User>>([](Access& a, net::Loop& loop) {
            return a.add_user(loop, {"Ann@Example.org", Role::admin, "research", "a hash"});
        }));
        auto made = run<Result<Access::MadeKey>>([](Access& a, net::Loop& loop) {
            return a.add_key(loop,
                             {"ann@example.org", "laptop", {"gpt-*", "small"}, "10/s", true, {}});
        });
        EXPECT_TRUE(made) << made.error().message();
        return *std::move(made);
    }

    std::string path_;
    net::SystemClock clock;
    net::SystemRandom random;
    std::unique_ptr<SqliteStore> store;
    std::unique_ptr<Access> access;
};

TEST_F(UserTables, keep_everything_over_a_restart) {
    const Access::MadeKey made = make_everything();
    const auto before = access->identify(made.text.reveal());
    ASSERT_TRUE(before);
    restart();
    const auto caller = access->identify(made.text.reveal());
    ASSERT_TRUE(caller) << caller.error().detail();
    EXPECT_EQ(caller->user, before->user);
    EXPECT_EQ(caller->team, before->team);
    EXPECT_EQ(caller->role, Role::admin);
    EXPECT_EQ(caller->key->id, made.key.id);
    EXPECT_EQ(caller->key->name, "laptop");
    EXPECT_EQ(caller->key->owner, "Ann@Example.org");
    EXPECT_EQ(caller->key->team, "research");
    EXPECT_EQ(caller->key->models, (std::vector<std::string>{"gpt-*", "small"}));
    EXPECT_EQ(caller->key->rate, "10/s");
    EXPECT_TRUE(caller->is_admin());
    EXPECT_EQ(access->find_user("ann@example.org")->password_hash, "a hash");
    EXPECT_EQ(access->keys().at(0).created_at, made.key.created_at);
}

TEST_F(UserTables, know_addresses_without_their_case) {
    make_everything();
    const auto again = run<Result<access::User>>([](Access& a, net::Loop& loop) {
        return a.add_user(loop, {"ANN@example.ORG", Role::user, "", ""});
    });
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::conflict);
    restart();
    EXPECT_EQ(access->users().size(), 1u);
}

TEST_F(UserTables, refuse_a_second_team_of_the_same_name) {
    make_everything();
    const auto again = run<Result<access::Team>>(
        [](Access& a, net::Loop& loop) { return a.add_team(loop, "research"); });
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::conflict);
}

TEST_F(UserTables, keep_a_key_revoked_and_a_user_disabled) {
    const Access::MadeKey made = make_everything();
    EXPECT_TRUE(run<Result<access::Key>>(
        [](Access& a, net::Loop& loop) { return a.revoke_key(loop, "laptop"); }));
    restart();
    EXPECT_FALSE(access->identify(made.text.reveal()));
    const auto second = run<Result<Access::MadeKey>>([](Access& a, net::Loop& loop) {
        return a.add_key(loop, {"ann@example.org", "second", {}, "", false, {}});
    });
    ASSERT_TRUE(second);
    EXPECT_TRUE(run<Result<void>>([](Access& a, net::Loop& loop) {
        return a.set_standing(loop, "ann@example.org", access::Standing::disabled);
    }));
    restart();
    EXPECT_FALSE(access->identify(second->text.reveal()));
}

TEST_F(UserTables, keep_when_a_key_was_last_used) {
    const Access::MadeKey made = make_everything();
    EXPECT_FALSE(access->keys().at(0).last_used_at);
    EXPECT_TRUE(access->identify(made.text.reveal()));
    const auto used = access->keys().at(0).last_used_at;
    EXPECT_TRUE(used);
    access->save_key_use();
    restart();
    EXPECT_EQ(access->keys().at(0).last_used_at, used);
}

TEST_F(UserTables, hold_no_secret) {
    const Access::MadeKey made = make_everything();
    const auto parts = access::parse_key(made.text.reveal());
    ASSERT_TRUE(parts);
    auto database = Database::open(path_ + "/weir.db", Database::Mode::read_only);
    auto rows = database->prepare("SELECT count(*) FROM key WHERE hash LIKE '%' || ? || '%'");
    ASSERT_TRUE(rows);
    rows->bind(1, parts->secret);
    ASSERT_TRUE(*rows->next());
    EXPECT_EQ(rows->integer(0), 0);
}

} // namespace
} // namespace weir::storage
