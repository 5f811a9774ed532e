#include "upstream/allowance.h"

#include "base/limits.h"
#include "net/system_clock.h"
#include "quota/ledger.h"

#include <gtest/gtest.h>
#include <random>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using chat::ChatEvent;

class SeededRandom final : public Random {
public:
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    }

private:
    std::mt19937_64 engine_{7}; // NOLINT: a fixed seed repeats the run
};

// A disk that writes when it is told to.
class SlowDisk final : public quota::LedgerStore {
public:
    Result<Saved> load() override { return Saved{}; }
    Result<void> read_journal(std::int64_t,
                              const std::function<Result<void>(const quota::Batch&)>&) override {
        return {};
    }
    void start(quota::WorkSource& source) override { source_ = &source; }
    void urge() override {
        if (!held_back) write();
    }
    void nudge() override { urge(); }
    void stop() override { write(); }
    void write() {
        for (quota::Work work = source_->take(); !work.empty(); work = source_->take())
            source_->committed(work);
    }
    bool held_back = false;

private:
    quota::WorkSource* source_ = nullptr;
};

class AllowanceTest : public testing::Test {
protected:
    // A ledger with one budget of tokens for everyone.
    void open(std::int64_t tokens) {
        config::Quota quota;
        quota.everyone.push_back({config::Unit::tokens, config::Period::day, tokens});
        ledger = *quota::Ledger::open({disk, clock, random}, quota);
    }
    quota::Reservation reserve(std::int64_t output) {
        auto terms = std::make_shared<KeyTerms>();
        terms->id = KeyId(1);
        quota::Bound bound;
        bound.input_tokens = 10;
        bound.output_tokens = output;
        auto made = ledger->reserve({UserId(1), std::nullopt, Role::user, terms}, bound, "m");
        EXPECT_TRUE(made);
        return *std::move(made);
    }
    static std::vector<ChatEvent> text(std::size_t bytes, std::uint32_t choice = 0) {
        std::vector<ChatEvent> out;
        out.emplace_back(chat::TextDelta{choice, std::string(bytes, 'x'), {}});
        return out;
    }
    // How pass() ended; nothing while it still waits.
    std::optional<Result<void>> pass(Allowance& allowance, std::vector<ChatEvent>& events) {
        outcome.reset();
        loop.spawn(run(allowance, events));
        loop.run_for(20ms);
        return outcome;
    }
    net::Task<void> run(Allowance& allowance, std::vector<ChatEvent>& events) {
        outcome = co_await allowance.pass(events);
    }

    net::SystemClock clock;
    SeededRandom random;
    SlowDisk disk;
    std::unique_ptr<quota::Ledger> ledger;
    net::Loop loop{clock};
    std::optional<Result<void>> outcome;
};

Allowance::Terms terms(std::int64_t held, std::optional<std::int64_t> most = {}) {
    Allowance::Terms out;
    out.held = held;
    out.most = most;
    out.usual = 4096;
    return out;
}

TEST_F(AllowanceTest, passes_what_the_first_slab_covers_without_asking) {
    open(1'000'000);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    EXPECT_TRUE(allowance.pass_now(text(500))); // 250 tokens at most: more than half is left
    EXPECT_FALSE(allowance.pass_now(text(100)));
}

TEST_F(AllowanceTest, asks_for_a_slab_when_half_of_one_is_left) {
    open(1'000'000);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    auto events = text(600);
    ASSERT_TRUE(pass(allowance, events));
    EXPECT_EQ(events.size(), 1u);
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 10 + 512 + 512);
}

TEST_F(AllowanceTest, passes_nothing_that_is_not_on_disk) {
    open(1'000'000);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    disk.held_back = true;
    auto covered = text(1'000); // 500 tokens at most
    ASSERT_TRUE(pass(allowance, covered)) << "what the first slab covers waits for nothing";
    auto more = text(200);
    EXPECT_FALSE(pass(allowance, more)) << "the second slab is not on disk yet";
    disk.held_back = false;
    disk.write();
    loop.run_for(20ms);
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(*outcome);
    EXPECT_EQ(more.size(), 1u);
}

TEST_F(AllowanceTest, a_piece_larger_than_a_slab_is_held_whole) {
    open(1'000'000);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    auto events = text(100'000);
    ASSERT_TRUE(pass(allowance, events));
    EXPECT_FALSE(allowance.was_cut());
    EXPECT_GE(ledger->views({quota::Scope::everyone, 0}).front().window.held, 50'000);
}

TEST_F(AllowanceTest, ends_each_choice_that_had_begun_when_a_budget_ends) {
    open(1'300);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    std::vector<ChatEvent> events = text(200, 0);
    events.emplace_back(chat::TextDelta{1, "done", {}});
    events.emplace_back(chat::ChoiceFinished{1, "stop", {}});
    events.emplace_back(chat::TextDelta{2, std::string(5'000, 'x'), {}});
    events.emplace_back(chat::TextDelta{0, "never", {}});
    ASSERT_TRUE(pass(allowance, events));
    ASSERT_TRUE(allowance.was_cut());
    EXPECT_EQ(allowance.refusal().code(), Errc::quota_exceeded);
    ASSERT_EQ(events.size(), 5u);
    for (const auto& [index, choice] : {std::pair{3u, 0u}, std::pair{4u, 2u}}) {
        const auto& finish = std::get<chat::ChoiceFinished>(events[index]);
        EXPECT_EQ(finish.choice, choice);
        EXPECT_EQ(finish.reason, "length");
    }
}

TEST_F(AllowanceTest, goes_on_on_what_is_held_while_a_slab_is_refused) {
    open(600);
    auto reservation = reserve(512); // a second slab would not fit
    Allowance allowance(reservation, loop, terms(512));
    auto covered = text(1'020);
    ASSERT_TRUE(pass(allowance, covered));
    EXPECT_FALSE(allowance.was_cut());
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 522);
    // What is left of the budget is less than a slab, and is spent too.
    auto beyond = text(100);
    ASSERT_TRUE(pass(allowance, beyond));
    EXPECT_FALSE(allowance.was_cut());
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 586);
    auto too_much = text(100);
    ASSERT_TRUE(pass(allowance, too_much));
    EXPECT_TRUE(allowance.was_cut());
}

TEST_F(AllowanceTest, asks_for_no_more_than_the_client_bounded) {
    open(700);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512, 600));
    // At four bytes a token 600 tokens are 2,400 bytes: the cheap bound takes them for 1,200.
    auto events = text(2'400);
    ASSERT_TRUE(pass(allowance, events));
    EXPECT_FALSE(allowance.was_cut());
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 610);
}

TEST_F(AllowanceTest, goes_on_metering_a_provider_that_does_not_keep_the_bound) {
    open(2'000);
    auto reservation = reserve(10);
    Allowance allowance(reservation, loop, terms(10, 10));
    auto within = text(40);
    ASSERT_TRUE(pass(allowance, within));
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 20);
    auto beyond = text(4'000); // a thousand tokens at least
    ASSERT_TRUE(pass(allowance, beyond));
    EXPECT_FALSE(allowance.was_cut());
    EXPECT_GE(ledger->views({quota::Scope::everyone, 0}).front().window.held, 1'010);
    auto more = text(8'000);
    ASSERT_TRUE(pass(allowance, more));
    EXPECT_TRUE(allowance.was_cut());
}

TEST_F(AllowanceTest, believes_a_running_count_that_is_larger_than_its_own) {
    open(1'000'000);
    auto reservation = reserve(512);
    Allowance allowance(reservation, loop, terms(512));
    chat::UsageReport usage;
    usage.usage.output = Tokens(2'000); // hidden thought
    std::vector<ChatEvent> events;
    events.emplace_back(usage);
    ASSERT_TRUE(pass(allowance, events));
    auto more = text(2);
    EXPECT_FALSE(allowance.pass_now(more));
    ASSERT_TRUE(pass(allowance, more));
    EXPECT_GE(ledger->views({quota::Scope::everyone, 0}).front().window.held, 2'000);
}

TEST_F(AllowanceTest, a_call_that_cannot_be_cut_holds_all_or_is_refused) {
    open(3'000);
    auto reservation = reserve(512);
    Allowance bounded(reservation, loop, terms(512, 2'000));
    EXPECT_TRUE(bounded.hold_all());
    EXPECT_EQ(ledger->views({quota::Scope::everyone, 0}).front().window.held, 2'010);
    Allowance unbounded(reservation, loop, terms(512));
    const auto refused = unbounded.hold_all();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::quota_exceeded);
}

} // namespace
} // namespace weir::upstream
