#pragma once
// A whole history that a seed decides: people with budgets ask, providers answer over a bad
// network, the disk is slow, fails and is torn, the clock jumps, budgets change, the process is
// killed and starts again; at the end everything comes to rest. After each step everything that has
// to be true is checked. One thread; nothing sleeps.

#include "promises.h"

#include <deque>

namespace weir::simulation {

class History {
public:
    History(std::uint64_t seed, Report& report);
    ~History();

    // To its end, or to the first broken promise.
    void run();
    int step() const { return step_; }

    // What happened in it, so that a test can see that everything does.
    struct Counts {
        std::int64_t steps = 0;
        std::int64_t admitted = 0;
        std::int64_t refused = 0;
        std::int64_t told = 0;
        std::int64_t extended = 0;
        std::int64_t overages = 0;
        std::int64_t crashed = 0;
        std::int64_t kills = 0;
        std::int64_t failures = 0;
        std::int64_t restarts = 0;
        void add(const Counts& other);
    };
    Counts counts() const;

private:
    // --- what may happen
    void do_one_step();
    void ask();
    void flood();
    void provider_step();
    void write_or_deliver(Call& call);
    void client_leaves();
    void disk_step();
    void mend();
    void move_clock();
    void set_budget();
    void change_people();
    void kill();
    void shut_down();

    // --- the process
    void open();
    bool try_to_open(FakeDisk::Opening fate, std::int64_t crashed);
    void let_go(); // its memory is gone
    void turn();
    void drain();
    void stop_ledger();
    void come_to_rest();
    void check();
    void check_waiting();
    config::Quota make_file();
    Provider::Plan make_plan(std::int64_t input);
    upstream::Allowance::Terms make_terms(Provider::Plan& plan);
    quota::Payer payer(std::int64_t key) const;
    Call* some_call();
    void note_day(WallTime time);
    WallTime some_time_again();
    std::int64_t some_limit(quota::Unit unit);

    Report& report_;
    Chance chance_;
    FakeClock clock_;
    std::vector<std::chrono::sys_days> days_; // on which the clock has stood, in that order
    Witness witness_;
    FakeDisk disk_;
    Model model_;
    config::Quota file_;
    std::array<std::int64_t, users + 1> team_of_; // 0: none
    std::deque<Record> records_;
    Promises promises_;

    // Of the process that runs. The loop outlives the ledger, which posts to it.
    std::unique_ptr<net::Loop> loop_;
    std::unique_ptr<quota::Ledger> ledger_;
    std::vector<std::unique_ptr<Call>> calls_;

    bool rests_ = false;
    int step_ = 0;
    Counts counts_;
};

} // namespace weir::simulation
