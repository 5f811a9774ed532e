#include "promises.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::simulation {

void Promises::check_step(quota::Ledger& ledger, std::size_t also) {
    world_.model.stamp(ledger.newest());
    const std::uint32_t touched = world_.model.touched();
    for (std::size_t subject = 0; subject < subjects; ++subject)
        if (subject == also || (touched >> subject & 1) != 0) check_subject(ledger, subject);
    check_totals(ledger, {quota::Scope::everyone, 0});
    const std::int64_t open = ledger.totals({quota::Scope::everyone, 0}).holds_open;
    world_.report.check(open == world_.model.open(), "{} holds are open, expected {}", open,
                        world_.model.open());
}

void Promises::check_start(quota::Ledger& ledger) {
    world_.model.stamp(ledger.newest());
    for (std::size_t subject = 0; subject < subjects; ++subject) check_subject(ledger, subject);
    for (std::int64_t key = 1; key <= keys; ++key) check_totals(ledger, {quota::Scope::key, key});
    const std::int64_t open = ledger.totals({quota::Scope::everyone, 0}).holds_open;
    world_.report.check(open == 0, "{} holds are open after a start", open);
    for (const Record& record : world_.records) check_bill(record);
}

void Promises::check_rest() {
    for (std::size_t slot = 0; slot < slots; ++slot)
        for (const Model::Balance& balance : world_.model.balances(slot))
            world_.report.check(balance.held == 0, "{} is held at the end", balance.held);
    for (const Witness::Account& account : world_.witness.accounts())
        for (const quota::Window& window : account.windows)
            world_.report.check(window.held == 0, "account {} holds {} at the end",
                                account.account.id.value(), window.held);
    for (const Record& record : world_.records) {
        const Witness::Hold* const hold = world_.witness.find(record.number);
        world_.report.check(hold == nullptr || hold->end, "call {} has no end", record.number);
    }
}

void Promises::check_totals(quota::Ledger& ledger, const quota::Subject& subject) {
    const quota::Books::Totals totals = ledger.totals(subject);
    const Model::Totals& expected = world_.model.totals(subject.id);
    world_.report.check(
        totals.requests == expected.requests && totals.tokens_in == expected.tokens_in &&
            totals.tokens_out == expected.tokens_out && totals.nanousd == expected.nanousd &&
            totals.overages == expected.overages,
        "{} {}: {} requests, {} + {} tokens, {} nanousd and {} overages are counted, expected {}, "
        "{} + {}, {} and {}",
        config::name(subject.scope), subject.id, totals.requests, totals.tokens_in,
        totals.tokens_out, totals.nanousd, totals.overages, expected.requests, expected.tokens_in,
        expected.tokens_out, expected.nanousd, expected.overages);
}

void Promises::check_subject(quota::Ledger& ledger, std::size_t subject) {
    const auto views = ledger.views(subject_at(subject));
    std::size_t counted = 0;
    for (std::size_t i = 0; i < slots_per_subject; ++i)
        counted += world_.model.is_counted(subject * slots_per_subject + i) ? 1 : 0;
    const quota::Subject named = subject_at(subject);
    if (!world_.report.check(views.size() == counted, "{} {} has {} budgets, expected {}",
                             config::name(named.scope), named.id, views.size(), counted))
        return;
    for (const auto& [account, window] : views) {
        const std::size_t slot = slot_of(account.subject, account.unit, account.period);
        const Model::Balance expected = world_.model.balance(slot, world_.clock.wall());
        world_.report.check(account.limit == world_.model.limit(slot),
                            "account {} is limited to {}, expected "
                            "{}",
                            account.id.value(), account.limit.value_or(-1),
                            world_.model.limit(slot).value_or(-1));
        world_.report.check(
            window.settled == expected.settled && window.held == expected.held &&
                window.span.start == expected.start,
            "{} {}, {} per {} from {}: {} settled and {} held, expected {} and {} from {}",
            config::name(named.scope), named.id, config::name(account.unit),
            config::name(account.period), window.span.start, window.settled, window.held,
            expected.settled, expected.held, expected.start);
    }
}

void Promises::check_journal() {
    for (const Witness::Account& one : world_.witness.accounts()) {
        const quota::Account& account = one.account;
        const std::size_t slot = slot_of(account.subject, account.unit, account.period);
        for (const quota::Window& window : one.windows) {
            Model::Balance expected{window.span.start, 0, 0};
            for (const Model::Balance& balance : world_.model.balances(slot))
                if (balance.start == window.span.start) expected = balance;
            world_.report.check(
                window.settled == expected.settled && window.held == expected.held,
                "I3: account {} from {}: {} settled and {} held by the entries, expected "
                "{} and {}",
                account.id.value(), window.span.start, window.settled, window.held,
                expected.settled, expected.held);
        }
    }
    const quota::Verdict verdict = world_.disk.verify();
    if (!verdict.ok())
        world_.report.check(false, "verify: entry {}: {}: {}", verdict.faults.front().lsn,
                            verdict.faults.front().invariant, verdict.faults.front().detail);
}

// acknowledged <= ledger, and bill - slack <= ledger <= bill + an open slab: of each call, and so
// of all of them together.
void Promises::check_bill(const Record& record) {
    const Witness::Hold* const hold = world_.witness.find(record.number);
    if (hold == nullptr) {
        world_.report.check(record.provider.bill().input == 0 && !record.told,
                            "call {} was sent or answered, and the disk does not know it",
                            record.number);
        return;
    }
    if (!world_.report.check(hold->end.has_value(), "call {} has no end", record.number)) return;
    if (hold->end == quota::EntryKind::void_) {
        world_.report.check(record.dead && !record.told && hold->charged.tokens_out == 0,
                            "call {} is charged nothing and was answered", record.number);
        return;
    }
    check_amount(record, *hold);
}

void Promises::check_amount(const Record& record, const Witness::Hold& hold) {
    const Provider& provider = record.provider;
    const Provider::Bill& bill = provider.bill();
    const quota::Cost& charged = hold.charged;
    if (record.told)
        world_.report.check(record.told->tokens_in + record.told->tokens_out <=
                                charged.tokens_in + charged.tokens_out,
                            "call {} was told {} + {} tokens and is charged {} + {}", record.number,
                            record.told->tokens_in, record.told->tokens_out, charged.tokens_in,
                            charged.tokens_out);
    const std::int64_t counted = std::max(bill.output, (bill.bytes + 3) / 4);
    // What was written and read by nobody: the send buffer, the last report, and one chunk
    // in Weir's hand. A whole answer is read at its end, and never charged more than was held for
    // it.
    std::int64_t least = bill.output - provider.unread();
    if (record.delivery == Delivery::streamed) {
        const std::int64_t ahead =
            limits::slab_tokens + provider.largest() + provider.plan().hidden;
        world_.report.check(provider.unread() <= ahead, "call {}: {} tokens were written ahead",
                            record.number, provider.unread());
    } else if (record.told) {
        least = std::min(bill.output, hold.bound.tokens_out);
    }
    world_.report.check(record.dead || charged.tokens_out >= least,
                        "call {} is charged {} tokens, {} were billed and {} of them not read",
                        record.number, charged.tokens_out, bill.output, provider.unread());
    // A slab is spent at two bytes a token, and up to one and a half are held ahead of that. Who
    // held a bound at once is charged that.
    std::int64_t most = counted;
    if (hold.reason == quota::Reason::crash)
        most = std::max(std::max(counted, (bill.bytes + 1) / 2) + limits::slab_tokens * 3 / 2,
                        std::int64_t{1'500});
    world_.report.check(charged.tokens_out <= most, "call {} is charged {} tokens, {} at most",
                        record.number, charged.tokens_out, most);
}

} // namespace weir::simulation
