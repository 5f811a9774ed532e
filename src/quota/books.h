#pragma once
// The ledger's state as a pure function of its entries: accounts, their windows, the open holds,
// and what was used. The running ledger, recovery and `weir ledger verify` all change it through
// apply() alone, so that what is checked is what runs. Not synchronised.

#include "quota/entry.h"
#include "quota/ledger_store.h"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace weir::quota {

struct AccountState {
    Account account;
    // The one in use is last; earlier ones stay while they hold something.
    std::vector<Window> windows;
    // Before that, windows may have been forgotten in which something was spent.
    std::int64_t forgotten_until = 0;
    bool account_dirty = false;
    bool windows_dirty = false;

    Window* find(std::int64_t start);
    // The window around `now`: the one that is there, or the one that the next entry would open.
    // Only entries open windows, so that whoever reads them again opens the same.
    Window at(WallTime now) const;
    // Opens it; older ones that are empty and written are dropped.
    Window& open(const Window& window);
};

class Books {
public:
    // What an entry may change: everything, or only the open holds (the rest is known from a
    // summary).
    enum class Effect : std::uint8_t { all, holds_only };

    // Errors: a sentence for the first invariant that the entry breaks; the state is then
    // unspecified.
    std::optional<std::string> apply(const Entry& entry, Effect effect = Effect::all);

    // The state a summary describes; apply() then goes on after it. False where the holds are
    // damaged.
    bool restore(const LedgerStore::Saved& saved);

    // The account of a subject, or null.
    AccountState* find(const Subject& subject, Unit unit, Period period);
    AccountState* find(AccountId id);
    std::vector<AccountState*> of(const Subject& subject);
    AccountId next_account_id() const {
        return AccountId(static_cast<std::int64_t>(accounts_.size()) + 1);
    }
    std::deque<AccountState>& accounts() { return accounts_; }
    // The open holds: the RESERVE entry of each, with what it holds by now, extensions included.
    const std::unordered_map<Uuid, Entry>& holds() const { return holds_; }

    // All time, of everyone who matches.
    struct Totals {
        std::int64_t requests = 0;
        std::int64_t tokens_in = 0;
        std::int64_t tokens_out = 0;
        std::int64_t nanousd = 0;
        std::int64_t overages = 0;
        std::int64_t holds_open = 0;
        friend bool operator==(const Totals&, const Totals&) = default;
    };
    Totals totals(const Subject& subject) const;
    // Of exactly that payer; open holds are not counted.
    Totals totals_of(const Payer& payer) const;

    // What changed since the last call, for a summary.
    void collect(Summary& summary);
    std::string pack_holds() const;

private:
    std::optional<std::string> apply_reserve(const Entry& entry, Effect effect);
    std::optional<std::string> apply_end(const Entry& entry, Effect effect);
    std::optional<std::string> apply_account(const Entry& entry);
    std::optional<std::string> change(const Delta& delta, const Entry& entry);
    void count_hold(const Entry& hold, std::int64_t by);
    void count_usage(const Entry& entry);

    using AccountKey = std::tuple<Subject, Unit, Period>;
    using PayerKey = std::tuple<std::int64_t, std::int64_t, std::int64_t>; // key, user, team
    static PayerKey payer_key(const Payer& payer);

    std::deque<AccountState> accounts_; // by id - 1
    std::map<AccountKey, AccountId> index_;
    std::map<Subject, std::vector<AccountId>> by_subject_;
    std::unordered_map<Uuid, Entry> holds_;
    std::map<PayerKey, Totals> totals_;
    std::map<std::tuple<std::int64_t, PayerKey, std::string>, UsageRow> new_usage_;
    std::vector<AccountId> dirty_;
};

} // namespace weir::quota
