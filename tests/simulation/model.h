#pragma once
// What every balance has to be, from what was asked of the ledger and nothing else: a table of
// numbers and a list of what was done to it. A crash takes the end of the list back, as far as the
// disk had not got, and charges what is then open at what it holds. Knows no entries and no windows
// of the product's own.

#include "people.h"
#include "quota/reservation.h"

#include <optional>
#include <vector>

namespace weir::simulation {

class Model {
public:
    struct Balance {
        std::int64_t start = 0; // of the window
        std::int64_t settled = 0;
        std::int64_t held = 0;
    };
    struct Totals {
        std::int64_t requests = 0;
        std::int64_t tokens_in = 0;
        std::int64_t tokens_out = 0;
        std::int64_t nanousd = 0;
        std::int64_t overages = 0;
    };
    using Limit = std::optional<std::int64_t>;

    // --- what is asked of the ledger. A call is named by its number, from 0 without a gap.

    // False where a budget has no room; then nothing has changed, and the call is forgotten.
    bool reserve(std::size_t call, const quota::Payer& payer, const quota::Bound& bound,
                 WallTime now);
    bool extend(std::size_t call, std::int64_t tokens, std::int64_t nanousd);
    void settle(std::size_t call, const quota::Cost& cost);
    void release(std::size_t call);
    void set_budget(std::size_t slot, Limit limit);
    void set_file(const config::Quota& file);

    // --- the disk

    // What was done since the last stamp() is in the journal by entry `lsn`.
    void stamp(std::int64_t lsn);
    // Only entries up to `lsn` were on the disk. Returns how many holds that leaves open; each is
    // charged whole.
    std::int64_t crash(std::int64_t lsn);

    // --- what has to be

    bool is_counted(std::size_t slot) const;
    Limit limit(std::size_t slot) const;
    Balance balance(std::size_t slot, WallTime now) const;
    const std::vector<Balance>& balances(std::size_t slot) const { return balances_[slot]; }
    const Totals& totals(std::int64_t key) const { return totals_[static_cast<std::size_t>(key)]; }
    std::int64_t open() const { return open_; }
    // All that an open hold may cost.
    const quota::Cost& held(std::size_t call) const { return holds_[call].cost; }
    // The subjects that something was done to since the last call, as bits.
    std::uint32_t touched() { return std::exchange(touched_, 0); }

private:
    struct Part {
        std::size_t slot;
        std::int64_t start;
        std::int64_t held;
    };
    enum class State : std::uint8_t { none, open, ended };
    struct Hold {
        State state = State::none;
        std::int64_t key = 0;
        std::vector<Part> parts;
        quota::Cost cost; // all that it may cost
    };
    enum class Did : std::uint8_t { reserve, extend, settle, release, set_budget };
    struct Step {
        Did did;
        std::int64_t lsn = 0;
        std::size_t place = 0; // the call or the slot
        quota::Cost cost;      // of an extend or a settle
        Limit before;          // of a set_budget
    };

    Balance& at(std::size_t slot, std::int64_t start);
    bool has_room(std::size_t slot, std::int64_t start, std::int64_t amount) const;
    void hold_more(Hold& hold, const quota::Cost& more, std::int64_t sign);
    void end(Hold& hold, const quota::Cost* cost, std::int64_t sign);
    void undo(const Step& step);
    void note(Step step);

    std::vector<Hold> holds_;
    std::array<std::vector<Balance>, slots> balances_;
    std::array<Limit, slots> commands_;
    std::array<std::array<Limit, slots_per_subject>, 4> file_; // by scope
    std::array<Totals, keys + 1> totals_;                      // by key; of all at 0
    std::vector<Step> steps_;
    std::size_t stamped_ = 0;
    std::int64_t open_ = 0;
    std::uint32_t touched_ = 0;
};

} // namespace weir::simulation
