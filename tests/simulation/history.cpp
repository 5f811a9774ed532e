#include "history.h"

#include "base/limits.h"
#include "quota/price.h"

#include <algorithm>

namespace weir::simulation {

using namespace std::chrono;
using namespace std::chrono_literals;
using quota::Period;
using quota::Scope;
using quota::Unit;

namespace {

constexpr std::size_t calls_max = 6;
constexpr std::int64_t usual_output = 1'200;
constexpr std::int64_t jump_max = 200'000; // seconds
// The ledger remembers the newest windows of an account. A clock that goes back further than that
// finds budgets that are full again.
constexpr std::size_t remembered_days = limits::windows_kept - 2;

} // namespace

void History::Counts::add(const Counts& other) {
    steps += other.steps;
    admitted += other.admitted;
    refused += other.refused;
    told += other.told;
    extended += other.extended;
    overages += other.overages;
    crashed += other.crashed;
    kills += other.kills;
    failures += other.failures;
    restarts += other.restarts;
}

History::History(std::uint64_t seed, Report& report)
    : report_(report),
      chance_(seed),
      witness_(report),
      disk_(chance_, [this](const quota::StoredBatch& row) { witness_.see(row); }),
      promises_({clock_, disk_, model_, witness_, records_, report}) {
    for (std::int64_t& team : team_of_) team = chance_.between(0, teams);
    file_ = make_file();
}

History::~History() { let_go(); }

void History::run() {
    open();
    const std::int64_t steps = chance_.between(25, 110);
    const std::int64_t flood_at = chance_.one_in(200) ? chance_.between(1, steps) : 0;
    for (step_ = 1; step_ <= steps && !report_.is_broken(); ++step_) {
        if (step_ == flood_at) flood();
        else do_one_step();
        if (!chance_.one_in(3)) turn();
        if (ledger_ && !report_.is_broken()) check();
        if (ledger_ && !report_.is_broken()) check_waiting();
    }
    counts_.steps = step_;
    if (!report_.is_broken()) come_to_rest();
}

void History::do_one_step() {
    const std::int64_t dice = chance_.between(1, 1000);
    if (dice <= 110) ask();
    else if (dice <= 560) provider_step();
    else if (dice <= 590) client_leaves();
    else if (dice <= 840) disk_step();
    else if (dice <= 930) move_clock();
    else if (dice <= 965) set_budget();
    else if (dice <= 980) change_people();
    else if (dice <= 993) kill();
    else shut_down();
}

void History::check() {
    // Sometimes one more than was touched: looking makes accounts and windows.
    const auto also = static_cast<std::size_t>(chance_.between(0, subjects * 2));
    promises_.check_step(*ledger_, also);
    report_.check(ledger_->broken() == disk_.is_told(), "the ledger is broken: {}, expected {}",
                  ledger_->broken(), disk_.is_told());
}

// Who waits for the disk goes on once it holds everything.
void History::check_waiting() {
    const auto waits = [](const std::unique_ptr<Call>& call) { return call->waits_for_disk(); };
    if (disk_.is_ill() || disk_.is_writing() || std::ranges::none_of(calls_, waits)) return;
    for (int patience = 0; patience < 3; ++patience) {
        if (disk_.last_lsn() != ledger_->newest()) return;
        turn();
        model_.stamp(ledger_->newest());
    }
    for (const auto& call : calls_)
        report_.check(!waits(call) || disk_.last_lsn() != ledger_->newest(),
                      "call {} waits for a disk that holds everything", call->record().number);
}

// --- the process

void History::turn() {
    if (!loop_) return;
    // Work that waits keeps the loop from sleeping.
    loop_->post([] {});
    int turns = 0;
    const std::function<bool()> done = [&] { return turns++ == 1; };
    loop_->finish(done, 1ms);
    std::erase_if(calls_, [&](const std::unique_ptr<Call>& call) {
        if (!call->has_ended()) return false;
        if (call->record().told) ++counts_.told;
        report_.tell("  call {} has ended", call->record().number);
        return true;
    });
}

void History::open() {
    const std::int64_t crashed = model_.crash(disk_.last_lsn());
    counts_.crashed += crashed;
    if (chance_.one_in(4)) {
        file_ = make_file();
    }
    model_.set_file(file_);
    using Opening = FakeDisk::Opening;
    std::int64_t expected = crashed;
    // It may die while it recovers, more than once.
    while (expected > 0 && chance_.one_in(4)) {
        const Opening fate = chance_.one_in(2) ? Opening::dies_before : Opening::dies_after;
        report_.tell("  dies while it opens, {}",
                     fate == Opening::dies_before ? "nothing is written" : "everything is written");
        if (!try_to_open(fate, expected)) return;
        if (fate == Opening::dies_after) expected = 0;
    }
    if (!try_to_open(Opening::well, expected)) return;
    promises_.check_start(*ledger_);
    if (rests_ || chance_.one_in(2)) promises_.check_journal();
}

bool History::try_to_open(FakeDisk::Opening fate, std::int64_t crashed) {
    loop_ = std::make_unique<net::Loop>(clock_);
    disk_.begin_opening(fate);
    auto opened = quota::Ledger::open({disk_, clock_, chance_}, file_);
    disk_.end_opening();
    const bool well = fate == FakeDisk::Opening::well;
    if (!report_.check(opened.has_value() == well, "a ledger opens: {}, expected {}: {}",
                       opened.has_value(), well, opened ? "" : opened.error().detail()))
        return false;
    if (!opened) return true;
    ledger_ = *std::move(opened);
    return report_.check(ledger_->crashed() == crashed, "{} holds were open, expected {}",
                         ledger_->crashed(), crashed);
}

void History::let_go() {
    if (loop_) loop_->drop();
    calls_.clear();
    ledger_.reset();
    loop_.reset();
}

void History::kill() {
    const auto torn = static_cast<FakeDisk::Torn>(chance_.between(0, 2));
    report_.tell("kill, {}{}", disk_.is_writing() ? "torn " : "", static_cast<int>(torn));
    ++counts_.kills;
    disk_.kill(torn);
    let_go();
    open();
}

// The server stops as it should: what runs is ended first, or is dropped where it stands.
void History::shut_down() {
    ++counts_.restarts;
    if (chance_.one_in(2)) {
        report_.tell("stop, all calls are ended");
        for (const auto& call : calls_) call->shut();
        drain();
    } else {
        report_.tell("stop, all calls are dropped");
        loop_->drop();
        for (const auto& call : calls_) call->drop();
        calls_.clear();
    }
    stop_ledger();
    open();
}

void History::drain() {
    for (int patience = 0; !calls_.empty() && patience < 100; ++patience) {
        if (disk_.is_ill()) mend();
        disk_.write_all();
        turn();
        model_.stamp(ledger_->newest());
    }
    report_.check(calls_.empty(), "{} calls do not end", calls_.size());
}

void History::stop_ledger() {
    model_.stamp(ledger_->newest());
    ledger_->stop();
    const bool lost = disk_.is_ill();
    report_.check(lost || disk_.last_lsn() == ledger_->newest(),
                  "stopped, and entry {} of {} is the last on the disk", disk_.last_lsn(),
                  ledger_->newest());
    report_.check(lost || model_.open() == 0, "stopped with {} holds open", model_.open());
    disk_.kill(FakeDisk::Torn::nothing);
    let_go();
}

void History::come_to_rest() {
    report_.tell("coming to rest");
    rests_ = true;
    for (int patience = 0; !calls_.empty() && patience < 1000; ++patience) {
        for (const auto& call : calls_) write_or_deliver(*call);
        if (disk_.is_ill()) mend();
        disk_.write_all();
        turn();
        check();
        if (report_.is_broken()) return;
    }
    report_.check(calls_.empty(), "{} calls do not come to rest", calls_.size());
    while (disk_.is_ill()) mend();
    stop_ledger();
    if (report_.is_broken()) return;
    open();
    if (report_.is_broken()) return;
    promises_.check_rest();
}

History::Counts History::counts() const {
    Counts out = counts_;
    out.overages = model_.totals(0).overages;
    for (const Record& record : records_)
        if (const auto* const hold = witness_.find(record.number))
            out.extended += hold->bound.tokens_out > limits::slab_tokens ? 1 : 0;
    return out;
}

// --- what may happen

quota::Payer History::payer(std::int64_t key) const {
    const std::int64_t user = owner_of(key);
    quota::Payer out{KeyId(key), UserId(user), std::nullopt};
    const std::int64_t team = team_of_[static_cast<std::size_t>(user)];
    if (team > 0) out.team = TeamId(team);
    return out;
}

Call* History::some_call() {
    if (calls_.empty()) return nullptr;
    const auto last = static_cast<std::int64_t>(calls_.size()) - 1;
    return calls_[static_cast<std::size_t>(chance_.between(0, last))].get();
}

Provider::Plan History::make_plan(std::int64_t input) {
    Provider::Plan plan;
    plan.reports = static_cast<Provider::Reports>(chance_.between(0, 2));
    plan.tokens = chance_.between(0, chance_.one_in(3) ? 3'000 : 600);
    plan.input = input;
    if (plan.reports == Provider::Reports::nothing) return plan;
    // Only a provider that tells a running count may use another measure than Weir's own.
    if (plan.reports == Provider::Reports::running) plan.bytes_per_token = chance_.between(2, 6);
    if (chance_.one_in(6)) plan.hidden = chance_.between(1, limits::slab_tokens);
    if (chance_.one_in(3)) plan.input = chance_.between(input / 2, input + 20);
    return plan;
}

upstream::Allowance::Terms History::make_terms(Provider::Plan& plan) {
    upstream::Allowance::Terms terms;
    terms.usual = usual_output;
    terms.dearest = price;
    if (chance_.one_in(3)) {
        terms.most = chance_.between(1, 1'500);
        // Most providers keep the bound that a client names.
        if (!chance_.one_in(8)) plan.tokens = std::min(plan.tokens, *terms.most);
        plan.bytes_per_token = std::max<std::int64_t>(plan.bytes_per_token, 4);
    }
    terms.held = terms.most.value_or(terms.usual);
    if (!chance_.one_in(6)) terms.held = std::min(terms.held, limits::slab_tokens);
    return terms;
}

void History::ask() {
    if (calls_.size() >= calls_max) return;
    const std::size_t number = records_.size();
    const quota::Payer who = payer(chance_.between(1, keys));
    const std::int64_t input = chance_.between(1, 200);
    Provider::Plan plan = make_plan(input);
    const upstream::Allowance::Terms terms = make_terms(plan);

    quota::Bound bound;
    bound.input_tokens = input + chance_.between(0, 20);
    bound.output_tokens = terms.held;
    bound.input_nanousd = quota::input_bound_nanousd(price, bound.input_tokens);
    bound.output_nanousd = quota::output_bound_nanousd(price, bound.output_tokens);
    if (chance_.one_in(20)) bound.price = quota::Bound::Price::unknown;

    auto key = std::make_shared<KeyTerms>();
    key->id = who.key;
    const Caller caller{who.user, who.team, Role::user, std::move(key)};
    auto reserved = ledger_->reserve(caller, bound, Witness::name_of(number));
    const bool admitted = !disk_.is_told() && model_.reserve(number, who, bound, clock_.wall());
    report_.tell("call {} of key {} asks for {} + {} tokens: {}", number, who.key.value(),
                 bound.input_tokens, bound.output_tokens, admitted ? "admitted" : "refused");
    ++(admitted ? counts_.admitted : counts_.refused);
    if (!report_.check(reserved.has_value() == admitted, "call {} is admitted: {}, expected {}",
                       number, reserved.has_value(), admitted))
        return;
    if (!admitted) return;
    const Delivery delivery = chance_.one_in(8) ? Delivery::whole : Delivery::streamed;
    if (delivery == Delivery::whole) plan.read = Provider::Plan::Read::at_once;
    records_.push_back({number, who, Provider(plan), input, delivery, false, {}});
    const Surroundings around{*ledger_, *loop_, model_, witness_, report_};
    calls_.push_back(std::make_unique<Call>(around, records_.back(), *std::move(reserved), terms));
    loop_->spawn(calls_.back()->run());
}

// More entries than one batch takes, while the disk stands still.
void History::flood() {
    const std::int64_t begin = ledger_->newest();
    report_.tell("a flood begins behind entry {}", begin);
    const auto entries = static_cast<std::int64_t>(limits::ledger_batch) + chance_.between(0, 200);
    for (int i = 0; i < 1'500 && ledger_->newest() - begin < entries; ++i) {
        const std::size_t number = records_.size();
        const quota::Payer who = payer(chance_.between(1, keys));
        auto key = std::make_shared<KeyTerms>();
        key->id = who.key;
        const Caller caller{who.user, who.team, Role::user, std::move(key)};
        const quota::Bound bound{chance_.between(1, 9), chance_.between(1, 9), 1, 1};
        auto reserved = ledger_->reserve(caller, bound, Witness::name_of(number));
        const bool admitted = !disk_.is_told() && model_.reserve(number, who, bound, clock_.wall());
        if (!report_.check(reserved.has_value() == admitted, "call {} is admitted: {}", number,
                           reserved.has_value()))
            return;
        if (!admitted) {
            set_budget();
            model_.stamp(ledger_->newest());
            continue;
        }
        records_.push_back({number, who, Provider({}), 0, Delivery::streamed, true, {}});
        model_.stamp(ledger_->newest());
        std::move(*reserved).release();
        model_.release(number);
        model_.stamp(ledger_->newest());
    }
    // The end comes between two of its batches, as likely as not.
    if (chance_.one_in(2)) return;
    disk_.write();
    clock_.pass(limits::window_flush_time);
    disk_.take();
    kill();
}

void History::provider_step() {
    Call* const call = some_call();
    if (call == nullptr) return;
    Provider& provider = call->record().provider;
    const std::int64_t dice = chance_.between(1, 100);
    if (dice <= 3 && provider.is_open()) {
        report_.tell("the connection of call {} dies", call->record().number);
        provider.die();
        call->wake();
    } else if (dice <= 6) {
        provider.repeat_usage();
        call->wake();
    } else {
        write_or_deliver(*call);
    }
}

void History::write_or_deliver(Call& call) {
    Provider& provider = call.record().provider;
    if (provider.is_flying() && (!provider.can_write() || chance_.one_in(2))) {
        report_.tell("a chunk arrives for call {}", call.record().number);
        provider.deliver();
        call.wake();
    } else if (provider.can_write()) {
        provider.write(chance_);
        report_.tell("the provider of call {} has written {} tokens", call.record().number,
                     provider.bill().output);
    }
}

void History::client_leaves() {
    Call* const call = some_call();
    if (call == nullptr) return;
    report_.tell("the client of call {} leaves", call->record().number);
    call->leave();
}

void History::disk_step() {
    if (disk_.is_ill()) return mend();
    const bool fails = chance_.one_in(25);
    if (!disk_.is_writing()) {
        disk_.take();
        if (disk_.is_writing()) report_.tell("the disk takes work");
        if (fails) disk_.fail_another();
        return;
    }
    if (!fails) {
        disk_.write();
        report_.tell("the disk has written up to entry {}", disk_.last_lsn());
        return;
    }
    const auto failure = static_cast<FakeDisk::Failure>(chance_.between(0, 1));
    report_.tell("the disk fails, and the rows are {}",
                 failure == FakeDisk::Failure::clean ? "lost" : "there");
    ++counts_.failures;
    disk_.fail(failure);
}

void History::mend() {
    const bool ill = chance_.one_in(2);
    report_.tell("the disk is looked at again and is {}", ill ? "ill" : "well");
    disk_.mend(ill ? FakeDisk::Look::ill : FakeDisk::Look::well);
}

void History::move_clock() {
    const WallTime before = clock_.wall();
    const WallTime midnight = ceil<days>(before + 1us);
    switch (chance_.between(0, 11)) {
    case 0: clock_.sleep_until(midnight - 1us); break;
    case 1: clock_.sleep_until(midnight); break;
    case 2: clock_.pass(hours(chance_.between(1, 24 * 40))); break;
    case 3: clock_.set(some_time_again()); break;
    case 4: clock_.set(before + seconds(chance_.between(1, jump_max))); break;
    default: clock_.pass(milliseconds(chance_.between(1, 700)));
    }
    note_day(before);
    note_day(clock_.wall());
    report_.tell("the clock moves by {} s to {}", floor<seconds>(clock_.wall() - before).count(),
                 quota::to_seconds(clock_.wall()));
}

void History::note_day(WallTime time) {
    const auto day = floor<days>(time);
    if (std::ranges::find(days_, day) == days_.end()) days_.push_back(day);
}

// On a day that was before, if the ledger remembers it: one of the last that were visited, and of
// the latest.
WallTime History::some_time_again() {
    std::vector<sys_days> latest = days_;
    std::ranges::sort(latest, std::greater());
    latest.resize(std::min(latest.size(), remembered_days));
    std::vector<sys_days> known;
    for (std::size_t i = 0; i < std::min(days_.size(), remembered_days); ++i) {
        const sys_days day = days_[days_.size() - 1 - i];
        if (std::ranges::find(latest, day) != latest.end()) known.push_back(day);
    }
    if (known.empty()) return clock_.wall();
    const auto which = chance_.between(0, static_cast<std::int64_t>(known.size()) - 1);
    return known[static_cast<std::size_t>(which)] + seconds(chance_.between(0, 86'399));
}

std::int64_t History::some_limit(Unit unit) {
    switch (unit) {
    case Unit::requests: return chance_.between(0, 30);
    case Unit::tokens: return chance_.between(0, 12'000);
    case Unit::nanousd: return chance_.between(0, 200'000'000);
    }
    return 0;
}

void History::set_budget() {
    const quota::Subject subject =
        subject_at(static_cast<std::size_t>(chance_.between(0, subjects - 1)));
    const auto unit = static_cast<Unit>(chance_.between(0, 2));
    const auto period = static_cast<Period>(chance_.between(0, 3));
    Model::Limit limit;
    if (!chance_.one_in(3)) limit = some_limit(unit);
    report_.tell("a budget of {} {}: {} per {} is {}", config::name(subject.scope), subject.id,
                 config::name(unit), config::name(period), limit.value_or(-1));
    ledger_->set_budget(subject, unit, period, limit);
    model_.set_budget(slot_of(subject, unit, period), limit);
}

config::Quota History::make_file() {
    config::Quota out;
    const auto some = [&](std::vector<config::Budget>& budgets) {
        for (std::int64_t n = chance_.between(0, 2); n > 0; --n) {
            const auto unit = static_cast<Unit>(chance_.between(0, 2));
            const auto period = static_cast<Period>(chance_.between(0, 3));
            const auto same = [&](const config::Budget& budget) {
                return budget.unit == unit && budget.period == period;
            };
            if (std::ranges::any_of(budgets, same)) continue;
            budgets.push_back({unit, period, some_limit(unit) * 3});
        }
    };
    for (auto* const budgets : {&out.everyone, &out.team, &out.user, &out.key}) some(*budgets);
    return out;
}

void History::change_people() {
    if (chance_.one_in(2)) {
        report_.tell("the file's budgets change");
        file_ = make_file();
        ledger_->set_defaults(file_);
        model_.set_file(file_);
        return;
    }
    const std::int64_t user = chance_.between(1, users);
    const std::int64_t team = chance_.between(0, teams);
    report_.tell("user {} goes to team {}", user, team);
    team_of_[static_cast<std::size_t>(user)] = team;
}

} // namespace weir::simulation
