// Histories of the ledger that seeds decide. A failing one is repeated by its seed alone, step by
// step: WEIR_SIMULATION_SEED=123. WEIR_SIMULATION_SEEDS=1000000 runs more of them.

#include "history.h"

#include "base/ensure.h"

#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weir::simulation {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A line that is ready when the program dies of its own assertion or of a sanitizer.
char repeat_line[256];
std::size_t repeat_size = 0;

void prepare_repeat(std::uint64_t seed) {
    const std::string line = fmt::format("simulation: WEIR_SIMULATION_SEED={} {}\n", seed,
                                         "build/debug/tests/simulation/simulation_test");
    repeat_size = line.copy(repeat_line, sizeof repeat_line);
}

void say_repeat() { (void)!::write(STDERR_FILENO, repeat_line, repeat_size); }

void say_repeat_and_die(int signal) {
    say_repeat();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

History::Counts live(std::uint64_t seed, Report::Steps steps) {
    prepare_repeat(seed);
    Report report(steps);
    History history(seed, report);
    history.run();
    if (report.is_broken()) {
        say_repeat();
        ADD_FAILURE() << "seed " << seed << ", step " << history.step() << ": " << report.broken();
    }
    return history.counts();
}

constexpr std::uint64_t blocks = 20;

class Simulation : public testing::TestWithParam<std::uint64_t> {
protected:
    void SetUp() override {
        for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, say_repeat_and_die);
    }
};

TEST_P(Simulation, keeps_every_promise_of_the_ledger) {
    if (std::getenv("WEIR_SIMULATION_SEED") != nullptr) return; // that one alone
    const std::uint64_t seeds = number_from("WEIR_SIMULATION_SEEDS", WEIR_SIMULATION_SEEDS);
    History::Counts all;
    for (std::uint64_t seed = GetParam(); seed < seeds; seed += blocks) {
        all.add(live(seed, Report::Steps::untold));
        if (HasFailure()) return;
    }
    if (seeds < blocks * 50) return;
    // A history in which nothing happens proves nothing.
    EXPECT_GT(all.admitted, all.steps / 100);
    EXPECT_GT(all.refused, all.steps / 100);
    EXPECT_GT(all.told, all.steps / 500);
    EXPECT_GT(all.extended, all.steps / 500);
    EXPECT_GT(all.overages, 0);
    EXPECT_GT(all.crashed, 0);
    EXPECT_GT(all.kills, 0);
    EXPECT_GT(all.failures, 0);
    EXPECT_GT(all.restarts, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::Range<std::uint64_t>(0, blocks));

TEST(SimulationOfOneSeed, is_told_step_by_step) {
    if (std::getenv("WEIR_SIMULATION_SEED") == nullptr) return;
    const History::Counts counts =
        live(number_from("WEIR_SIMULATION_SEED", 0), Report::Steps::told);
    fmt::print("{} steps, {} admitted, {} refused, {} told, {} extended, {} overages, {} ended by "
               "a crash, {} kills, {} failures, {} restarts\n",
               counts.steps, counts.admitted, counts.refused, counts.told, counts.extended,
               counts.overages, counts.crashed, counts.kills, counts.failures, counts.restarts);
}

} // namespace
} // namespace weir::simulation
