// Random lives of requests, against a table of numbers that knows nothing of entries and holds.

#include "quota/ledger.h"
#include "quota/verify.h"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace weir::quota {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

class FakeClock final : public Clock {
public:
    WallTime wall() const override { return now; }
    SteadyTime steady() const override { return passed; }
    void advance(microseconds by) { now += by, passed += by; }
    WallTime now = sys_days(2026y / December / 28) + 12h;
    SteadyTime passed{1s};
};

class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(engine_());
    }

private:
    std::mt19937_64 engine_; // NOLINT: a fixed seed repeats the run
};

// A journal in memory, written at once, and never summed up.
class Journal final : public LedgerStore {
public:
    Result<Saved> load() override { return Saved{}; }
    Result<void> read_journal(std::int64_t,
                              const std::function<Result<void>(const Batch&)>& visit) override {
        for (const Batch& batch : rows) WEIR_CHECK(visit(batch));
        return {};
    }
    void start(WorkSource& source) override { source_ = &source; }
    void urge() override {
        for (Work work = source_->take(); !work.empty(); work = source_->take()) {
            if (work.batch.count > 0) rows.push_back(work.batch);
            source_->committed(work);
        }
    }
    void nudge() override { urge(); }
    void stop() override {
        if (source_ != nullptr) urge();
    }
    std::vector<Batch> rows;

private:
    WorkSource* source_ = nullptr;
};

class Model {
public:
    using Name = std::tuple<Subject, Unit, Period>;
    struct Balance {
        std::int64_t settled = 0;
        std::int64_t held = 0;
    };
    struct Part {
        std::pair<Name, std::int64_t> window;
        std::int64_t amount;
    };
    using Hold = std::vector<Part>;

    config::Quota defaults;
    std::map<Name, std::int64_t> commands;
    std::map<std::pair<Name, std::int64_t>, Balance> balances; // of a window by its start

    std::map<Name, std::optional<std::int64_t>> budgets(const Subject& subject) const {
        std::map<Name, std::optional<std::int64_t>> out;
        if (subject.scope == Scope::user || subject.scope == Scope::key)
            out[{subject, Unit::requests, Period::day}] = {};
        const auto& file = subject.scope == Scope::key    ? defaults.key
                           : subject.scope == Scope::user ? defaults.user
                           : subject.scope == Scope::team ? defaults.team
                                                          : defaults.everyone;
        for (const config::Budget& budget : file)
            out[{subject, budget.unit, budget.period}] = budget.limit;
        for (const auto& [name, limit] : commands)
            if (std::get<Subject>(name) == subject) out[name] = limit;
        return out;
    }
    static std::int64_t start(const Name& name, WallTime now) {
        return period_around(std::get<Period>(name), config::TimeZone::utc(), now).start;
    }
    static std::vector<Subject> subjects(const Payer& payer) {
        std::vector<Subject> out{{Scope::key, payer.key.value()},
                                 {Scope::user, payer.user.value()},
                                 {Scope::everyone, 0}};
        if (payer.team) out.push_back({Scope::team, payer.team->value()});
        return out;
    }
    std::optional<Hold> reserve(const Payer& payer, const Amounts& amounts, WallTime now) {
        Hold hold;
        for (const Subject& subject : subjects(payer)) {
            for (const auto& [name, limit] : budgets(subject)) {
                hold.push_back({{name, start(name, now)}, amounts.of(std::get<Unit>(name))});
                const Balance balance = balances[hold.back().window];
                if (limit && balance.settled + balance.held + hold.back().amount > *limit)
                    return std::nullopt;
            }
        }
        for (const Part& part : hold) balances[part.window].held += part.amount;
        return hold;
    }
    bool extend(Hold& hold, const Amounts& more) {
        for (const Part& part : hold) {
            const auto& name = std::get<Name>(part.window);
            const auto all = budgets(std::get<Subject>(name));
            const auto budget = all.find(name);
            const std::int64_t amount = more.of(std::get<Unit>(name));
            const Balance balance = balances[part.window];
            if (amount > 0 && budget != all.end() && budget->second &&
                balance.settled + balance.held + amount > *budget->second)
                return false;
        }
        for (Part& part : hold) {
            const std::int64_t amount = more.of(std::get<Unit>(std::get<Name>(part.window)));
            part.amount += amount;
            balances[part.window].held += amount;
        }
        return true;
    }
    void end(const Hold& hold, const std::optional<Amounts>& used) {
        for (const Part& part : hold) {
            Balance& balance = balances[part.window];
            balance.held -= part.amount;
            if (used) balance.settled += used->of(std::get<Unit>(std::get<Name>(part.window)));
        }
    }
};

// --- what happens, to the ledger and the model alike

struct Running {
    Reservation reservation;
    Model::Hold hold;
    Bound bound;
};

class Life {
public:
    explicit Life(std::uint64_t seed) : chance_(seed), random_(seed) {
        set_defaults();
        ledger_ = *Ledger::open({journal_, clock_, random_}, model_.defaults);
    }

    void step() {
        const std::uint64_t dice = pick(100);
        if (dice < 35) reserve();
        else if (dice < 45) extend();
        else if (dice < 65) end_one(&Life::settle);
        else if (dice < 72) end_one(&Life::release);
        else if (dice < 79) end_one(&Life::drop);
        else if (dice < 86) set_budget();
        else if (dice < 88) set_defaults();
        else move_clock();
        check();
    }
    void finish() {
        while (!running_.empty()) end_one(&Life::drop);
        check();
        ledger_->stop();
        replay();
        EXPECT_TRUE(shadow_.holds().empty());
        EXPECT_GT(admitted_, 100);
        EXPECT_GT(refused_, 100);
        EXPECT_GT(overages_, 10);
        EXPECT_GT(extended_, 20);
        EXPECT_GT(not_extended_, 2);
    }
    // What a restart right now would make of it: every open hold is charged whole.
    void check_recovery() {
        Journal journal;
        journal.rows = journal_.rows;
        auto recovered = Ledger::open({journal, clock_, random_}, model_.defaults);
        ASSERT_TRUE(recovered) << recovered.error().detail();
        Model charged = model_;
        for (const auto& running : running_) {
            for (const Model::Part& part : running->hold) {
                charged.balances[part.window].held -= part.amount;
                charged.balances[part.window].settled += part.amount;
            }
        }
        compare(**recovered, charged);
        const Books::Totals totals = (*recovered)->totals({Scope::everyone, 0});
        EXPECT_EQ(totals.requests, requests_ + static_cast<std::int64_t>(running_.size()));
        EXPECT_EQ(totals.holds_open, 0);
    }

private:
    std::uint64_t pick(std::uint64_t below) { return chance_() % below; }
    std::int64_t amount(std::int64_t most) {
        return static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(most) + 1));
    }

    static Payer payer(std::int64_t key) {
        const std::int64_t user = 1 + key / 2; // some users have two keys
        Payer out{KeyId(key), UserId(user), std::nullopt};
        if (user != 3) out.team = TeamId(1 + user % 2);
        return out;
    }

    void reserve() {
        const Payer who = payer(1 + amount(5));
        auto terms = std::make_shared<KeyTerms>();
        terms->id = who.key;
        const Caller caller{who.user, who.team, Role::user, std::move(terms)};
        const Bound bound{amount(40), amount(200), amount(500), amount(4'000), 1};
        auto reservation = ledger_->reserve(caller, bound, "m");
        const Amounts amounts{1, bound.input_tokens + bound.output_tokens,
                              bound.input_nanousd + bound.output_nanousd};
        auto hold = model_.reserve(who, amounts, clock_.now);
        ASSERT_EQ(reservation.has_value(), hold.has_value());
        ++(hold ? admitted_ : refused_);
        if (!hold) return;
        Running one{*std::move(reservation), *hold, bound};
        running_.push_back(std::make_unique<Running>(std::move(one)));
    }

    void extend() {
        if (running_.empty()) return;
        Running& one = *running_[pick(running_.size())];
        const std::int64_t tokens = amount(300);
        const std::int64_t nanousd = amount(6'000);
        const auto extended = one.reservation.extend(tokens, nanousd);
        const bool expected = model_.extend(one.hold, {0, tokens, nanousd});
        ASSERT_EQ(extended.has_value(), expected);
        ++(expected ? extended_ : not_extended_);
        if (!expected) return;
        one.bound.output_tokens += tokens;
        one.bound.output_nanousd += nanousd;
    }

    void end_one(void (Life::*how)(Running)) {
        if (running_.empty()) return;
        std::swap(running_[pick(running_.size())], running_.back());
        const std::unique_ptr<Running> one = std::move(running_.back());
        running_.pop_back();
        (this->*how)(std::move(*one));
    }
    void settle(Running one) {
        const Cost cost{amount(one.bound.input_tokens),
                        amount(one.bound.output_tokens + (pick(4) == 0 ? 150 : 0)),
                        amount(one.bound.input_nanousd + one.bound.output_nanousd)};
        std::move(one.reservation).settle({.cost = cost});
        charge(one, cost);
    }
    void release(Running one) {
        std::move(one.reservation).release();
        model_.end(one.hold, std::nullopt);
    }
    void drop(Running one) {
        const Cost input{one.bound.input_tokens, 0, one.bound.input_nanousd};
        if (pick(2) == 0) return model_.end(one.hold, std::nullopt);
        one.reservation.mark_sent(input);
        charge(one, input);
    }
    void charge(const Running& one, const Cost& cost) {
        const Amounts used{1, cost.tokens_in + cost.tokens_out, cost.nanousd};
        for (const Model::Part& part : one.hold) {
            if (used.of(std::get<Unit>(part.window.first)) <= part.amount) continue;
            ++overages_;
            break;
        }
        model_.end(one.hold, used);
        ++requests_;
        tokens_ += cost.tokens_in + cost.tokens_out;
        nanousd_ += cost.nanousd;
    }

    void set_budget() {
        const Subject subject = pick(2) == 0 ? Subject{Scope::key, 1 + amount(5)}
                                             : Subject{static_cast<Scope>(1 + pick(2)), 1};
        const auto unit = static_cast<Unit>(pick(3));
        const auto period = static_cast<Period>(pick(4));
        std::optional<std::int64_t> limit;
        if (pick(3) > 0)
            limit =
                unit == Unit::requests ? amount(30) : amount(unit == Unit::tokens ? 4'000 : 80'000);
        ledger_->set_budget(subject, unit, period, limit);
        const Model::Name name{subject, unit, period};
        if (limit) model_.commands[name] = *limit;
        else model_.commands.erase(name);
    }
    void set_defaults() {
        config::Quota file;
        if (pick(4) > 0) file.everyone.push_back({Unit::tokens, Period::week, 60'000});
        if (pick(2) > 0) file.team.push_back({Unit::nanousd, Period::month, 900'000});
        if (pick(2) > 0) file.user.push_back({Unit::requests, Period::day, 40});
        if (pick(2) > 0) file.user.push_back({Unit::tokens, Period::day, 5'000});
        if (pick(2) > 0) file.key.push_back({Unit::requests, Period::total, 500});
        model_.defaults = file;
        if (ledger_) ledger_->set_defaults(file);
    }
    void move_clock() {
        const WallTime midnight = ceil<days>(clock_.now + 1us);
        switch (pick(12)) {
        case 0: return clock_.advance(midnight - clock_.now - 1us);
        case 1: return clock_.advance(midnight - clock_.now);
        case 2: return clock_.advance(days(amount(9)));
        default: clock_.advance(seconds(amount(2'000)));
        }
    }

    // --- what has to be true after each step

    void check() {
        compare(*ledger_, model_);
        const Books::Totals totals = ledger_->totals({Scope::everyone, 0});
        EXPECT_EQ(totals.requests, requests_);
        EXPECT_EQ(totals.tokens_in + totals.tokens_out, tokens_);
        EXPECT_EQ(totals.nanousd, nanousd_);
        EXPECT_EQ(totals.overages, overages_);
        EXPECT_EQ(totals.holds_open, static_cast<std::int64_t>(running_.size()));
        replay();
        EXPECT_EQ(shadow_.holds().size(), running_.size()); // I2
    }
    void compare(Ledger& ledger, const Model& model) {
        std::vector<Subject> subjects{{Scope::everyone, 0}};
        for (std::int64_t id = 1; id <= 6; ++id)
            for (const Scope scope : {Scope::key, Scope::user, Scope::team})
                subjects.push_back({scope, id});
        for (const Subject& subject : subjects) {
            const auto budgets = model.budgets(subject);
            const auto views = ledger.views(subject);
            ASSERT_EQ(views.size(), budgets.size());
            for (const auto& [account, window] : views) {
                const Model::Name name{subject, account.unit, account.period};
                ASSERT_EQ(account.limit, budgets.at(name));
                const auto found = model.balances.find({name, Model::start(name, clock_.now)});
                const auto balance =
                    found == model.balances.end() ? Model::Balance{} : found->second;
                ASSERT_EQ(window.settled, balance.settled);
                ASSERT_EQ(window.held, balance.held);
            }
        }
    }
    // The entries alone tell the same, and keep the invariants: I1 to I5 are checked by apply().
    void replay() {
        for (; replayed_ < journal_.rows.size(); ++replayed_) {
            std::string_view payload = journal_.rows[replayed_].payload;
            while (const auto entry = take_entry(payload)) {
                const auto fault = shadow_.apply(*entry);
                ASSERT_FALSE(fault) << *fault;
            }
        }
        for (const AccountState& state : shadow_.accounts()) {
            const Account& account = state.account;
            for (const Window& window : state.windows) {
                const Model::Name name{account.subject, account.unit, account.period};
                const auto found = model_.balances.find({name, window.span.start});
                ASSERT_TRUE(found != model_.balances.end());
                ASSERT_EQ(window.held, found->second.held);
                ASSERT_EQ(window.settled, found->second.settled); // I3
            }
        }
    }

    std::mt19937_64 chance_; // NOLINT: a fixed seed repeats the run
    SeededRandom random_;
    FakeClock clock_;
    Journal journal_;
    Model model_;
    std::unique_ptr<Ledger> ledger_;
    std::vector<std::unique_ptr<Running>> running_;
    Books shadow_;
    std::size_t replayed_ = 0;
    std::int64_t requests_ = 0;
    std::int64_t tokens_ = 0;
    std::int64_t nanousd_ = 0;
    std::int64_t overages_ = 0;
    int admitted_ = 0;
    int refused_ = 0;
    int extended_ = 0;
    int not_extended_ = 0;
};

class LedgerModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(LedgerModel, agrees_after_every_step_of_a_random_life) {
    Life life(GetParam());
    for (int step = 0; step < 2'000; ++step) {
        life.step();
        if (step % 200 == 199) life.check_recovery();
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "at step " << step;
            return;
        }
    }
    life.finish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, LedgerModel, testing::Range<std::uint64_t>(1, 5));

} // namespace
} // namespace weir::quota
