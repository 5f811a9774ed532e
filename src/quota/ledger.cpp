#include "quota/ledger.h"

#include "base/ensure.h"
#include "base/limits.h"
#include "quota/refusal.h"

#include <algorithm>
#include <map>

namespace weir::quota {
namespace {

constexpr auto holds_summary_time = std::chrono::seconds(1);
constexpr std::size_t payload_reserve = 2048; // a dozen entries

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }

Payer payer_of(const Caller& caller) {
    return {caller.key ? caller.key->id : KeyId(0), caller.user, caller.team};
}

const std::vector<config::Budget>& defaults_of(const config::Quota& quota, Scope scope) {
    switch (scope) {
    case Scope::key: return quota.key;
    case Scope::user: return quota.user;
    case Scope::team: return quota.team;
    case Scope::everyone: return quota.everyone;
    }
    return quota.everyone;
}

} // namespace

// The end of a hold whose owner is gone: its whole bound, an upper limit of what was spent.
Entry Ledger::whole_end(const Entry& hold, EntryKind kind, WallTime now) {
    Entry end = hold;
    end.kind = kind;
    end.at = micros(now);
    end.reason = kind == EntryKind::expire ? Reason::none : Reason::crash;
    end.certainty = Certainty::estimated;
    end.request_digest.clear();
    for (Delta& delta : end.deltas) {
        delta.settled = delta.held;
        delta.held = -delta.held;
    }
    return end;
}

Ledger::Ledger(World world, const config::Quota& defaults) : world_(world), defaults_(defaults) {}

Ledger::~Ledger() { stop(); }

Result<std::unique_ptr<Ledger>> Ledger::open(World world, const config::Quota& defaults) {
    std::unique_ptr<Ledger> ledger(new Ledger(world, defaults));
    WEIR_CHECK(ledger->recover());
    return ledger;
}

namespace {

Result<std::int64_t> load_books(LedgerStore& store, Books& books, std::int64_t& summary_lsn) {
    WEIR_TRY(const LedgerStore::Saved saved, store.load());
    if (!books.restore(saved))
        return refuse(Error(Errc::ledger_unavailable).because("the ledger's summary is damaged"));
    const std::int64_t known = std::max(saved.summary_lsn, saved.holds_lsn);
    std::int64_t last = 0;
    const auto replay = [&](const Batch& batch) -> Result<void> {
        std::string_view payload = batch.payload;
        for (std::int64_t lsn = batch.first_lsn; lsn <= batch.last_lsn(); ++lsn) {
            const auto entry = take_entry(payload);
            if (!entry)
                return refuse(
                    Error(Errc::ledger_unavailable).because("a journal entry is damaged"));
            if (lsn <= saved.holds_lsn) continue;
            const auto effect =
                lsn <= saved.summary_lsn ? Books::Effect::holds_only : Books::Effect::all;
            if (const auto fault = books.apply(*entry, effect))
                return refuse(Error(Errc::ledger_unavailable).because("journal: " + *fault));
        }
        last = std::max(last, batch.last_lsn());
        return {};
    };
    // From the last entry of the summary on, so that a journal that ends before
    // it is noticed.
    const std::int64_t from = std::min(saved.summary_lsn, saved.holds_lsn);
    WEIR_CHECK(store.read_journal(std::max<std::int64_t>(0, from - 1), replay));
    if (last < known)
        return refuse(Error(Errc::ledger_unavailable)
                          .because("the journal ends before what its summary tells"));
    summary_lsn = saved.summary_lsn;
    return last;
}

} // namespace

Result<Books> Ledger::read(LedgerStore& store) {
    Books books;
    std::int64_t summary_lsn = 0;
    WEIR_CHECK(load_books(store, books, summary_lsn));
    return books;
}

Result<void> Ledger::recover() {
    WEIR_TRY(const std::int64_t last, load_books(world_.store, books_, summary_lsn_));
    std::unique_lock lock(mutex_);
    next_lsn_ = last + 1;
    durable_lsn_ = last;
    std::vector<Entry> ends;
    for (const auto& [id, hold] : books_.holds())
        ends.push_back(whole_end(hold, EntryKind::settle, world_.clock.wall()));
    for (const Entry& end : ends) append(end);
    crashed_ = static_cast<std::int64_t>(ends.size());
    const std::int64_t goal = next_lsn_ - 1;
    lock.unlock();

    world_.store.start(*this);
    if (goal > last) world_.store.urge();
    lock.lock();
    idle_.wait(lock, [&] { return durable_lsn_ >= goal || broken_; });
    if (broken_)
        return refuse(Error(Errc::ledger_unavailable).because("the ledger cannot be written"));
    return {};
}

void Ledger::stop() {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return;
        stopped_ = true;
    }
    world_.store.stop();
    std::vector<Waiter> left;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        left.swap(waiters_);
    }
    wake(std::move(left), Verdict::lost);
}

std::int64_t Ledger::append(const Entry& entry) {
    if (const auto fault = books_.apply(entry)) {
        ensure(false, fault->c_str());
        return next_lsn_ - 1;
    }
    if (pending_.empty() || pending_.back().count >= limits::ledger_batch) {
        pending_.push_back({next_lsn_, 0, {}});
        pending_.back().payload.reserve(payload_reserve);
    }
    append_entry(pending_.back().payload, entry);
    ++pending_.back().count;
    return next_lsn_++;
}

Result<Reservation> Ledger::reserve(const Caller& caller, const Bound& bound,
                                    std::string_view model) {
    if (broken_) return refuse(Error(Errc::ledger_unavailable).retry_in(std::chrono::seconds(5)));
    const WallTime now = world_.clock.wall();
    const Uuid hold = Uuid::make_v7(now, world_.random);
    const Amounts amounts{1, bound.input_tokens + bound.output_tokens,
                          bound.input_nanousd + bound.output_nanousd};
    std::int64_t lsn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (stopped_) return refuse(Errc::shutting_down);
        if (pending_.size() * limits::ledger_batch >= limits::ledger_queue)
            return refuse(Error(Errc::overloaded).retry_in(std::chrono::seconds(1)));
        const Payer payer = payer_of(caller);
        const auto& accounts = accounts_for(payer);
        Entry& entry = scratch_;
        entry.kind = EntryKind::reserve;
        entry.hold = hold;
        entry.at = micros(now);
        entry.payer = payer;
        entry.tokens_in = bound.input_tokens;
        entry.tokens_out = bound.output_tokens;
        entry.nanousd = amounts.nanousd;
        entry.reason = Reason::none;
        entry.certainty = Certainty::reported;
        entry.model = model;
        entry.price_version = bound.price_version;
        entry.request_digest = bound.request_digest;
        entry.deltas.clear();
        // Every budget is judged before any is touched.
        for (AccountState* const account : accounts) {
            const std::int64_t needed = amounts.of(account->account.unit);
            const Window window = account->at(now);
            const auto& limit = account->account.limit;
            if (limit && account->account.unit == Unit::nanousd &&
                bound.price == Bound::Price::unknown) {
                return refuse(Errc::model_not_allowed,
                              "A budget in usd applies here, and this model has no price: the "
                              "operator must add "
                              "price: {input: …, output: …} to each of its targets.");
            }
            if (limit && (needed > *limit || window.settled + window.held > *limit - needed))
                return refuse(refusal(account->account, window, bound, needed, now));
            entry.deltas.push_back({account->account.id, window.span.start, 0, needed});
        }
        lsn = append(entry);
        if (!books_.holds().contains(hold)) return refuse(Errc::internal);
    }
    world_.store.urge();
    return Reservation(*this, hold, lsn);
}

const std::vector<AccountState*>& Ledger::accounts_for(const Payer& payer) {
    Charged& charged = charged_[payer.key.value()];
    const bool same = charged.payer.user == payer.user && charged.payer.team == payer.team;
    if (same && !charged.accounts.empty() && payer.key.value() != 0) return charged.accounts;
    charged = {payer, {}};
    const config::TimeZone* const usual = defaults_.zone;
    const Subject user{Scope::user, payer.user.value()};
    const config::TimeZone* const theirs = zone_of(user);
    const config::TimeZone* const zone = theirs != nullptr ? theirs : usual;
    auto& accounts = charged.accounts;
    if (payer.key.value() != 0) add_accounts({Scope::key, payer.key.value()}, zone, accounts);
    add_accounts(user, zone, accounts);
    if (payer.team) add_accounts({Scope::team, payer.team->value()}, usual, accounts);
    add_accounts({Scope::everyone, 0}, usual, accounts);
    return accounts;
}

const config::TimeZone* Ledger::zone_of(const Subject& subject) {
    for (const AccountState* const state : books_.of(subject))
        if (state->account.zone_origin == Account::Origin::command) return state->account.zone;
    return nullptr;
}

Result<std::int64_t> Ledger::set_zone(const Subject& subject, const config::TimeZone& zone) {
    std::int64_t lsn = 0;
    {
        const std::lock_guard lock(mutex_);
        std::vector<AccountState*> accounts;
        add_accounts(subject, nullptr, accounts);
        if (accounts.empty())
            return refuse(Errc::not_found, "There is no budget here to set a time zone for.");
        for (const AccountState* const state : books_.of(subject)) {
            Account changed = state->account;
            changed.zone = &zone;
            changed.zone_origin = Account::Origin::command;
            make_limit_change(changed);
        }
        charged_.clear();
        lsn = next_lsn_ - 1;
    }
    world_.store.urge();
    return lsn;
}

// The subject's accounts that count: budgets of the file and of commands, and for a user always the
// day's requests, which /api/v1/quota shows.
void Ledger::add_accounts(const Subject& subject, const config::TimeZone* zone,
                          std::vector<AccountState*>& out) {
    const auto& defaults = defaults_of(defaults_, subject.scope);
    for (const config::Budget& budget : defaults)
        ensure_account({{}, subject, budget.unit, budget.period, budget.limit});
    const bool metered = subject.scope == Scope::key || subject.scope == Scope::user;
    if (metered && books_.find(subject, Unit::requests, Period::day) == nullptr)
        ensure_account({{}, subject, Unit::requests, Period::day, std::nullopt});
    for (AccountState* const state : books_.of(subject)) {
        Account& account = state->account;
        const bool follows = account.zone_origin == Account::Origin::file;
        if (zone != nullptr && follows && account.zone != zone) {
            Account changed = account;
            changed.zone = zone;
            make_limit_change(changed);
        }
        const auto in_file = [&](const config::Budget& budget) {
            return budget.unit == account.unit && budget.period == account.period;
        };
        const bool from_file = account.origin == Account::Origin::file && account.limit.has_value();
        if (from_file && std::ranges::none_of(defaults, in_file)) {
            // The file names it no longer: it only counts from now on.
            Account changed = account;
            changed.limit.reset();
            make_limit_change(changed);
        }
        const bool meter =
            metered && account.unit == Unit::requests && account.period == Period::day;
        if (account.limit || meter) out.push_back(state);
    }
}

AccountState& Ledger::ensure_account(const Account& wanted) {
    AccountState* const known = books_.find(wanted.subject, wanted.unit, wanted.period);
    if (known == nullptr) {
        Account made = wanted;
        made.id = books_.next_account_id();
        // It begins with the days of its subject's other budgets.
        made.zone = defaults_.zone;
        if (const config::TimeZone* const zone = zone_of(made.subject)) {
            made.zone = zone;
            made.zone_origin = Account::Origin::command;
        }
        make_limit_change(made);
        return *books_.find(made.id);
    }
    const bool stronger =
        known->account.origin == Account::Origin::command && wanted.origin == Account::Origin::file;
    if (!stronger &&
        (known->account.limit != wanted.limit || known->account.origin != wanted.origin)) {
        Account changed = known->account;
        changed.limit = wanted.limit;
        changed.origin = wanted.origin;
        make_limit_change(changed);
    }
    return *known;
}

void Ledger::make_limit_change(Account account) {
    Entry entry;
    entry.kind = EntryKind::limit_change;
    entry.at = micros(world_.clock.wall());
    entry.account = std::make_shared<const Account>(std::move(account));
    append(entry);
}

std::int64_t Ledger::set_budget(const Subject& subject, Unit unit, Period period,
                                std::optional<std::int64_t> limit) {
    std::int64_t lsn = 0;
    {
        const std::lock_guard lock(mutex_);
        Account wanted{{}, subject, unit, period, limit};
        wanted.origin = Account::Origin::command;
        // Without a limit it belongs to the file again, whose default comes back at the next use.
        if (!limit) wanted.origin = Account::Origin::file;
        AccountState* const known = books_.find(subject, unit, period);
        if (known == nullptr && !limit) return 0;
        if (known == nullptr) {
            ensure_account(wanted);
        } else {
            Account changed = known->account;
            changed.limit = wanted.limit;
            changed.origin = wanted.origin;
            make_limit_change(changed);
        }
        charged_.clear();
        lsn = next_lsn_ - 1;
    }
    world_.store.urge();
    return lsn;
}

void Ledger::set_defaults(const config::Quota& defaults) {
    const std::lock_guard lock(mutex_);
    defaults_ = defaults;
    charged_.clear();
}

std::vector<Ledger::View> Ledger::views(const Subject& subject) {
    const std::lock_guard lock(mutex_);
    std::vector<AccountState*> accounts;
    add_accounts(subject, nullptr, accounts);
    std::vector<View> out;
    for (AccountState* const state : accounts)
        out.push_back({state->account, state->at(world_.clock.wall())});
    return out;
}

std::int64_t Ledger::newest() {
    const std::lock_guard lock(mutex_);
    return next_lsn_ - 1;
}

Books::Totals Ledger::totals(const Subject& subject) {
    const std::lock_guard lock(mutex_);
    return books_.totals(subject);
}

Entry* Ledger::begin_end(const Uuid& id, EntryKind kind) {
    const auto found = books_.holds().find(id);
    if (!ensure(found != books_.holds().end(), "a hold is ended that is not open")) return nullptr;
    const Entry& hold = found->second;
    scratch_ = hold;
    scratch_.kind = kind;
    scratch_.request_digest.clear();
    scratch_.at = micros(world_.clock.wall());
    for (Delta& delta : scratch_.deltas) delta.held = -delta.held;
    return &scratch_;
}

Result<std::int64_t> Ledger::extend(const Uuid& id, std::int64_t tokens, std::int64_t nanousd) {
    if (broken_) return refuse(Error(Errc::ledger_unavailable).retry_in(std::chrono::seconds(5)));
    const WallTime now = world_.clock.wall();
    const Amounts amounts{0, tokens, nanousd};
    std::int64_t lsn = 0;
    {
        const std::lock_guard lock(mutex_);
        if (expired_.contains(id))
            return refuse(Error(Errc::quota_exceeded, "This request has run for too long."));
        const auto found = books_.holds().find(id);
        if (!ensure(found != books_.holds().end(), "a hold is extended that is not open"))
            return refuse(Errc::internal);
        const Entry& hold = found->second;
        accounts_for(hold.payer); // limits that the file changed meanwhile
        scratch_ = hold;
        scratch_.kind = EntryKind::extend;
        scratch_.request_digest.clear();
        scratch_.at = micros(now);
        scratch_.tokens_in = 0;
        scratch_.tokens_out = tokens;
        scratch_.nanousd = nanousd;
        scratch_.deltas.clear();
        for (const Delta& held : hold.deltas) {
            AccountState& state = *books_.find(held.account);
            const std::int64_t needed = amounts.of(state.account.unit);
            if (needed == 0) continue;
            // The window it was admitted in, also after its end.
            const Window& window = *state.find(held.window_start);
            const auto& limit = state.account.limit;
            if (limit && (needed > *limit || window.settled + window.held > *limit - needed))
                return refuse(refusal(state.account, window, {}, needed, now));
            scratch_.deltas.push_back({held.account, held.window_start, 0, needed});
        }
        lsn = next_lsn_;
        if (append(scratch_) != lsn) return refuse(Errc::internal);
    }
    world_.store.nudge();
    return lsn;
}

void Ledger::find_reached(const Entry& entry, std::vector<SoftLimit>& out) {
    if (!tell_) return;
    for (const Delta& delta : entry.deltas) {
        const AccountState* const state = books_.find(delta.account);
        if (!state->account.limit || *state->account.limit <= 0 || delta.settled <= 0) continue;
        const Account& account = state->account;
        const auto& defaults = defaults_of(defaults_, account.subject.scope);
        const auto same = std::ranges::find_if(defaults, [&](const config::Budget& budget) {
            return budget.unit == account.unit && budget.period == account.period;
        });
        const auto& soft = same != defaults.end() ? same->soft : config::Budget{}.soft;
        const auto window = std::ranges::find(state->windows, delta.window_start,
                                              [](const Window& w) { return w.span.start; });
        if (window == state->windows.end()) continue;
        using Wide = __int128; // a hundred times an amount can pass 64 bits
        for (const std::int64_t percent : soft) {
            const Wide line = Wide{*account.limit} * percent;
            const bool before = Wide{window->settled - delta.settled} * 100 >= line;
            if (!before && Wide{window->settled} * 100 >= line)
                out.push_back({account, *window, percent});
        }
    }
}

std::int64_t Ledger::settle(const Uuid& hold, const Reservation::End& end) {
    std::int64_t lsn = 0;
    std::vector<SoftLimit> reached;
    {
        const std::lock_guard lock(mutex_);
        const Amounts used{1, end.cost.tokens_in + end.cost.tokens_out, end.cost.nanousd};
        const auto corrected = correct(hold, used, end.cost, end.reason);
        lsn = corrected ? *corrected : end_hold(hold, end, used, reached);
    }
    world_.store.nudge();
    for (const SoftLimit& one : reached) tell_(one);
    return lsn;
}

std::int64_t Ledger::end_hold(const Uuid& hold, const Reservation::End& end, const Amounts& used,
                              std::vector<SoftLimit>& reached) {
    Entry* const entry = begin_end(hold, EntryKind::settle);
    if (entry == nullptr) return next_lsn_ - 1;
    entry->reason = end.reason;
    entry->certainty = end.certainty;
    entry->price_version = end.price_version;
    entry->tokens_in = end.cost.tokens_in;
    entry->tokens_out = end.cost.tokens_out;
    entry->nanousd = end.cost.nanousd;
    std::vector<Delta> beyond;
    for (Delta& delta : entry->deltas) {
        const std::int64_t held = -delta.held;
        const std::int64_t amount = used.of(books_.find(delta.account)->account.unit);
        delta.settled = std::min(amount, held);
        if (amount > held) beyond.push_back({delta.account, delta.window_start, amount - held, 0});
    }
    const std::int64_t lsn = append(*entry);
    find_reached(*entry, reached);
    if (beyond.empty()) return lsn;
    // What was really used is never dropped: the rest is an entry of its own, and it is counted.
    entry->kind = EntryKind::overage;
    entry->certainty = Certainty::reported;
    entry->tokens_in = entry->tokens_out = entry->nanousd = 0;
    entry->deltas = std::move(beyond);
    const std::int64_t newest = append(*entry);
    find_reached(*entry, reached);
    return newest;
}

void Ledger::release(const Uuid& hold) {
    {
        const std::lock_guard lock(mutex_);
        if (!correct(hold, {}, {}, Reason::failed)) {
            Entry* const entry = begin_end(hold, EntryKind::void_);
            if (entry == nullptr) return;
            entry->reason = Reason::failed;
            entry->tokens_in = entry->tokens_out = entry->nanousd = 0;
            append(*entry);
        }
    }
    world_.store.nudge();
}

// --- durability

net::Task<Result<void>> Ledger::when_durable(std::int64_t lsn, net::Loop& loop) {
    net::Signal signal(loop);
    bool failed = false;
    {
        const std::lock_guard lock(mutex_);
        if (durable_lsn_ >= lsn) co_return Result<void>();
        if (broken_ || closed_) co_return refuse(Errc::ledger_unavailable);
        waiters_.push_back({lsn, &loop, &signal, &failed});
    }
    world_.store.urge();
    co_await signal.wait();
    if (failed) co_return refuse(Error(Errc::ledger_unavailable).retry_in(std::chrono::seconds(5)));
    co_return Result<void>();
}

Work Ledger::take() {
    const std::lock_guard lock(mutex_);
    Work work;
    // Before the batch that failed is written every later one would leave a gap.
    if (broken_) return work;
    work.in_flight = books_.holds().size();
    if (!pending_.empty()) {
        work.batch = std::move(pending_.front());
        pending_.pop_front();
    }
    // A summary describes everything up to its number, so it waits until nothing else does.
    work.more = !pending_.empty();
    if (work.more) return work;
    const SteadyTime now = world_.clock.steady();
    if (now - last_summary_ < limits::window_flush_time) return work;
    const std::int64_t lsn = next_lsn_ - 1;
    if (lsn == summary_lsn_) return work;
    work.summary.emplace();
    work.summary->lsn = lsn;
    books_.collect(*work.summary);
    last_summary_ = now;
    summary_lsn_ = lsn;
    if (now - last_holds_ >= holds_summary_time) {
        work.summary->open_holds = books_.pack_holds();
        last_holds_ = now;
    }
    return work;
}

void Ledger::committed(const Work& work) {
    std::vector<Waiter> ready;
    bool healed = false;
    {
        const std::lock_guard lock(mutex_);
        healed = broken_.exchange(false);
        if (work.batch.count > 0) durable_lsn_ = work.batch.last_lsn();
        const auto waits =
            std::ranges::partition(waiters_, [&](const Waiter& w) { return w.lsn > durable_lsn_; });
        ready.assign(waits.begin(), waits.end());
        waiters_.erase(waits.begin(), waits.end());
        idle_.notify_all();
    }
    wake(std::move(ready), Verdict::durable);
    if (healed && tell_health_) tell_health_(nullptr);
}

// Memory is ahead of the disk until the writer has caught up. Who waits is told that it failed, and
// ends its hold: that entry queues behind, so that the disk tells the same story in the end.
void Ledger::failed(const Work&, const Error& why) {
    std::vector<Waiter> all;
    bool known = false;
    {
        const std::lock_guard lock(mutex_);
        known = broken_.exchange(true);
        all.swap(waiters_);
        idle_.notify_all();
    }
    wake(std::move(all), Verdict::lost);
    if (!known && tell_health_) tell_health_(&why);
}

// One post to each loop, however many wait there.
void Ledger::wake(std::vector<Waiter> waiters, Verdict verdict) {
    std::map<net::Loop*, std::vector<Waiter>> by_loop;
    for (const Waiter& waiter : waiters) by_loop[waiter.loop].push_back(waiter);
    for (auto& [loop, mine] : by_loop) {
        loop->post([woken = std::move(mine), verdict] {
            for (const Waiter& waiter : woken) {
                *waiter.failed = verdict == Verdict::lost;
                waiter.signal->notify();
            }
        });
    }
}

} // namespace weir::quota
