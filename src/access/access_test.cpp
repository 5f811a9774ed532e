#include "access/access.h"

#include "net/signal.h"
#include "net/system_clock.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace weir::access {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

class FakeClock final : public Clock {
public:
    WallTime wall() const override { return now; }
    SteadyTime steady() const override { return {}; }
    WallTime now = sys_days(2026y / May / 20) + 12h;
};

// A disk made of memory. Every change takes one turn of the loop, as a real one would.
class MemoryStore final : public UserStore {
public:
    Result<Everyone> load_users() override { return rows; }
    net::Task<Result<Team>> add_team(net::Loop& loop, Team team) override {
        CO_CHECK(co_await write(loop));
        team.id = TeamId(++last_id_);
        rows.teams.push_back(team);
        co_return team;
    }
    net::Task<Result<User>> add_user(net::Loop& loop, User user) override {
        CO_CHECK(co_await write(loop));
        for (const User& other : rows.users)
            if (other.email == user.email) co_return refuse(Errc::conflict, "It is there already.");
        user.id = UserId(++last_id_);
        rows.users.push_back(user);
        co_return user;
    }
    net::Task<Result<void>> update_user(net::Loop& loop, User user) override {
        CO_CHECK(co_await write(loop));
        *std::ranges::find(rows.users, user.id, &User::id) = user;
        co_return Result<void>();
    }
    net::Task<Result<Key>> add_key(net::Loop& loop, Key key) override {
        CO_CHECK(co_await write(loop));
        key.id = KeyId(++last_id_);
        rows.keys.push_back(key);
        co_return key;
    }
    net::Task<Result<void>> update_key(net::Loop& loop, Key key) override {
        CO_CHECK(co_await write(loop));
        *std::ranges::find(rows.keys, key.id, &Key::id) = key;
        co_return Result<void>();
    }
    void note_key_use(std::vector<std::pair<KeyId, WallTime>> uses) override {
        for (const auto& [id, at] : uses)
            std::ranges::find(rows.keys, id, &Key::id)->last_used_at = at;
    }

    Everyone rows;
    bool full = false; // every change fails

private:
    net::Task<Result<void>> write(net::Loop& loop) {
        net::Signal turn(loop);
        loop.post([&turn] { turn.notify(); });
        co_await turn.wait();
        if (full) co_return refuse(Error(Errc::ledger_unavailable));
        co_return Result<void>();
    }
    std::int64_t last_id_ = 0;
};

template <class T>
net::Task<void> keep(net::Loop& loop, net::Task<T> task, std::optional<T>& out, int& running) {
    out = co_await std::move(task);
    if (--running == 0) loop.stop();
}

Access::NewKey named(const std::string& name, const std::string& email = "ann@example.org") {
    return {email, name, {}, "", false, std::nullopt};
}

class AccessTest : public testing::Test {
protected:
    AccessTest() { restart("a pepper of 16 bytes and more"); }

    void restart(const std::string& pepper) {
        auto opened = Access::open({store, clock, random}, Secret(pepper));
        ASSERT_TRUE(opened);
        access = *std::move(opened);
    }
    template <class Start>
    auto run(Start start) {
        net::Loop loop(system);
        return run_on(loop, start(loop));
    }
    template <class T>
    static T run_on(net::Loop& loop, net::Task<T> task) {
        std::optional<T> out;
        int running = 1;
        loop.spawn(keep(loop, std::move(task), out, running));
        loop.run_for(20s);
        return *std::move(out);
    }
    // Starts both at once, the first one first.
    template <class First, class Second>
    void run_both(First first, Second second) {
        net::Loop loop(system);
        auto one = first(loop);
        auto two = second(loop);
        std::optional<typename decltype(one)::value_type> out_one;
        std::optional<typename decltype(two)::value_type> out_two;
        int running = 2;
        loop.spawn(keep(loop, std::move(one), out_one, running));
        loop.spawn(keep(loop, std::move(two), out_two, running));
        loop.run_for(20s);
        EXPECT_TRUE(out_one && *out_one);
        EXPECT_TRUE(out_two && *out_two);
    }

    Result<User> add_user(const std::string& email, Role role = Role::user,
                          const std::string& team = "") {
        return run(
            [&](net::Loop& loop) { return access->add_user(loop, {email, role, team, "a hash"}); });
    }
    Result<Access::MadeKey> add_key(Access::NewKey wanted) {
        return run([&](net::Loop& loop) { return access->add_key(loop, wanted); });
    }
    // The text of a new key of a user of its own.
    std::string a_key(const std::string& email = "ann@example.org",
                      const std::string& name = "laptop") {
        if (!access->find_user(email)) EXPECT_TRUE(add_user(email));
        auto made = add_key(named(name, email));
        EXPECT_TRUE(made);
        return std::string(made->text.reveal());
    }
    Result<Access::MadeKey> rotate(const std::string& which, milliseconds overlap) {
        return run([&](net::Loop& loop) { return access->rotate_key(loop, which, overlap); });
    }
    Result<Key> revoke(const std::string& which) {
        return run([&](net::Loop& loop) { return access->revoke_key(loop, which); });
    }
    Result<void> set_standing(const std::string& email, Standing standing) {
        return run([&](net::Loop& loop) { return access->set_standing(loop, email, standing); });
    }
    void expect_refused(const std::string& credential, std::string_view why) {
        const auto caller = access->identify(credential);
        ASSERT_FALSE(caller);
        EXPECT_EQ(caller.error().code(), Errc::invalid_api_key);
        EXPECT_EQ(caller.error().detail(), why);
    }

    const net::SystemClock system;
    net::SystemRandom random;
    FakeClock clock;
    MemoryStore store;
    std::unique_ptr<Access> access;
};

// --- who is it?

TEST_F(AccessTest, a_good_key_tells_who_is_behind_it) {
    EXPECT_TRUE(access->empty());
    const auto team = run([&](net::Loop& loop) { return access->add_team(loop, "research"); });
    const auto user = add_user("ann@example.org", Role::admin, "research");
    ASSERT_TRUE(team && user);
    const auto made =
        add_key({"Ann@Example.org", "laptop", {"gpt-*"}, "600/min", true, std::nullopt});
    ASSERT_TRUE(made) << made.error().message();
    const auto caller = access->identify(made->text.reveal());
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->user, user->id);
    EXPECT_EQ(caller->team, team->id);
    EXPECT_TRUE(caller->is_admin());
    EXPECT_EQ(caller->key->owner, "ann@example.org");
    EXPECT_EQ(caller->key->team, "research");
    EXPECT_EQ(caller->key->rate, "600/min");
    EXPECT_TRUE(caller->may_use("gpt-4o"));
    EXPECT_FALSE(caller->may_use("claude"));
    EXPECT_FALSE(access->empty());
}

TEST_F(AccessTest, every_bad_credential_is_refused_in_the_same_words) {
    const std::string good = a_key();
    const KeyText unknown = KeyText::make(random);
    expect_refused("", "no key");
    expect_refused("sk-other", "not a key of ours");
    expect_refused(good.substr(0, good.size() - 1), "not a key of ours");
    expect_refused(unknown.text(), "unknown key");
    const KeyText wrong{std::string(parse_key(good)->public_id), KeyText::make(random).secret};
    expect_refused(wrong.text(), "wrong secret");
    EXPECT_EQ(access->identify("").error().message(),
              access->identify(wrong.text()).error().message());
}

TEST_F(AccessTest, a_revoked_key_is_refused_at_once) {
    const std::string key = a_key();
    EXPECT_TRUE(access->identify(key));
    const auto revoked = revoke("laptop");
    ASSERT_TRUE(revoked);
    EXPECT_EQ(revoked->revoked_at, clock.now);
    expect_refused(key, "revoked");
}

TEST_F(AccessTest, a_key_is_revoked_even_if_the_disk_is_full) {
    const std::string key = a_key();
    store.full = true;
    EXPECT_FALSE(revoke("laptop"));
    expect_refused(key, "revoked");
}

TEST_F(AccessTest, a_key_ends_when_it_expires_and_not_before) {
    ASSERT_TRUE(add_user("ann@example.org"));
    auto wanted = named("short");
    wanted.expires_at = clock.now + 1h;
    const auto made = add_key(wanted);
    ASSERT_TRUE(made);
    const std::string key(made->text.reveal());
    clock.now += 1h - 1us;
    EXPECT_TRUE(access->identify(key));
    clock.now += 1us;
    expect_refused(key, "expired");
}

TEST_F(AccessTest, a_disabled_user_is_refused_until_enabled_again) {
    const std::string key = a_key();
    EXPECT_TRUE(set_standing("ANN@example.org", Standing::disabled));
    expect_refused(key, "its user is disabled");
    EXPECT_TRUE(set_standing("ann@example.org", Standing::active));
    EXPECT_TRUE(access->identify(key));
    EXPECT_FALSE(set_standing("bob@example.org", Standing::disabled));
}

TEST_F(AccessTest, another_pepper_knows_no_key) {
    const std::string key = a_key();
    restart("another pepper, long enough");
    expect_refused(key, "wrong secret");
    restart("a pepper of 16 bytes and more");
    EXPECT_TRUE(access->identify(key));
}

TEST_F(AccessTest, the_last_use_of_a_key_is_noted) {
    const std::string key = a_key();
    EXPECT_FALSE(access->keys().at(0).last_used_at);
    clock.now += 5min;
    EXPECT_TRUE(access->identify(key));
    EXPECT_EQ(access->keys().at(0).last_used_at, clock.now);
    access->save_key_use();
    EXPECT_EQ(store.rows.keys.at(0).last_used_at, clock.now);
}

// --- finding keys

TEST_F(AccessTest, a_key_is_found_by_its_name_its_public_id_or_whole) {
    const std::string text = a_key();
    const std::string public_id(parse_key(text)->public_id);
    for (const std::string& which : {std::string("laptop"), public_id, text}) {
        const auto found = access->find_key(which);
        ASSERT_TRUE(found) << which;
        EXPECT_EQ(found->public_id, public_id);
    }
    const auto none = access->find_key("desktop");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code(), Errc::not_found);
}

TEST_F(AccessTest, a_name_that_several_keys_have_finds_none_of_them) {
    const std::string first = a_key("ann@example.org", "laptop");
    const std::string second = a_key("bob@example.org", "laptop");
    const auto found = access->find_key("laptop");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::conflict);
    EXPECT_TRUE(revoke(first));
    EXPECT_TRUE(access->find_key("laptop"));
    EXPECT_EQ(access->find_key("laptop")->public_id, parse_key(second)->public_id);
}

// --- rotation

TEST_F(AccessTest, a_rotated_key_works_beside_the_new_one_for_the_overlap) {
    const std::string old = a_key();
    const auto made = rotate("laptop", 1h);
    ASSERT_TRUE(made);
    const std::string fresh(made->text.reveal());
    EXPECT_EQ(made->key.name, "laptop");
    EXPECT_TRUE(access->identify(old));
    EXPECT_TRUE(access->identify(fresh));
    clock.now += 1h;
    expect_refused(old, "revoked");
    EXPECT_TRUE(access->identify(fresh));
    EXPECT_EQ(access->find_key("laptop")->public_id, made->key.public_id);
}

TEST_F(AccessTest, revoking_ends_an_overlap_at_once) {
    const std::string old = a_key();
    ASSERT_TRUE(rotate("laptop", 1h));
    EXPECT_TRUE(revoke(old));
    expect_refused(old, "revoked");
}

TEST_F(AccessTest, rotating_a_revoked_key_does_not_bring_it_back) {
    const std::string old = a_key();
    ASSERT_TRUE(revoke(old));
    clock.now += 1min;
    (void)rotate(old, 1h);
    expect_refused(old, "revoked");
}

TEST_F(AccessTest, rotating_again_does_not_lengthen_an_overlap) {
    const std::string old = a_key();
    ASSERT_TRUE(rotate(old, 1min));
    (void)rotate(old, 24h);
    clock.now += 1h;
    expect_refused(old, "revoked");
}

TEST_F(AccessTest, a_key_revoked_while_it_is_rotated_stays_revoked) {
    const std::string old = a_key();
    run_both([&](net::Loop& loop) { return access->rotate_key(loop, old, 1h); },
             [&](net::Loop& loop) { return access->revoke_key(loop, old); });
    clock.now += 1s;
    expect_refused(old, "revoked");
    restart("a pepper of 16 bytes and more");
    expect_refused(old, "revoked");
}

// --- changes

TEST_F(AccessTest, an_address_belongs_to_one_user) {
    ASSERT_TRUE(add_user("ann@example.org"));
    const auto again = add_user("ann@example.org");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::conflict);
    EXPECT_EQ(access->users().size(), 1u);
}

TEST_F(AccessTest, what_is_no_address_is_refused) {
    const std::string longest = std::string(254 - 12, 'a') + "@example.org";
    EXPECT_TRUE(add_user(longest));
    for (const std::string& email :
         {std::string(), std::string("ann"), std::string("@example.org"), std::string("ann@"),
          std::string("a@b@c"), std::string("a b@c"), std::string("a@b\nc"), "a" + longest,
          std::string("\xff@example.org")}) {
        const auto refused = add_user(email);
        ASSERT_FALSE(refused) << email;
        EXPECT_EQ(refused.error().param(), "email");
    }
}

TEST_F(AccessTest, what_does_not_exist_cannot_be_used) {
    EXPECT_EQ(add_user("ann@example.org", Role::user, "nobody").error().code(), Errc::not_found);
    EXPECT_EQ(add_key(named("x", "bob@example.org")).error().code(), Errc::not_found);
    EXPECT_EQ(revoke("x").error().code(), Errc::not_found);
    EXPECT_EQ(rotate("x", 1h).error().code(), Errc::not_found);
}

TEST_F(AccessTest, only_an_administrator_has_an_administrators_key) {
    ASSERT_TRUE(add_user("ann@example.org"));
    auto admin = named("x");
    admin.admin = true;
    const auto refused = add_key(admin);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param(), "admin");
    auto often = named("x");
    often.rate = "often";
    const auto bad_rate = add_key(often);
    ASSERT_FALSE(bad_rate);
    EXPECT_EQ(bad_rate.error().param(), "rate");
    const auto no_name = add_key(named(""));
    ASSERT_FALSE(no_name);
    EXPECT_EQ(no_name.error().param(), "name");
}

TEST_F(AccessTest, two_changes_of_a_user_at_once_both_last) {
    const std::string key = a_key();
    run_both(
        [&](net::Loop& loop) { return access->set_password_hash(loop, "ann@example.org", "new"); },
        [&](net::Loop& loop) {
            return access->set_standing(loop, "ann@example.org", Standing::disabled);
        });
    EXPECT_EQ(access->find_user("ann@example.org")->password_hash, "new");
    expect_refused(key, "its user is disabled");
    EXPECT_EQ(store.rows.users.at(0).password_hash, "new");
    EXPECT_EQ(store.rows.users.at(0).standing, Standing::disabled);
}

TEST_F(AccessTest, a_change_that_was_not_written_is_not_seen) {
    const std::string key = a_key();
    store.full = true;
    EXPECT_FALSE(add_user("bob@example.org"));
    EXPECT_FALSE(access->find_user("bob@example.org"));
    EXPECT_FALSE(set_standing("ann@example.org", Standing::disabled));
    EXPECT_TRUE(access->identify(key));
}

} // namespace
} // namespace weir::access
