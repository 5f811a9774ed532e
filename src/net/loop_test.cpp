#include "net/loop.h"

#include "net/descriptor.h"
#include "net/signal.h"
#include "net/system_clock.h"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class LoopTest : public testing::Test {
protected:
    SystemClock clock;
    Loop loop{clock};
};

Task<int> one() { co_return 1; }

Task<void> add_up(Loop& loop, int times, int& sum) {
    for (int i = 0; i < times; ++i) sum += co_await one();
    loop.stop();
}

TEST_F(LoopTest, a_long_chain_of_finished_tasks_uses_no_stack) {
    int sum = 0;
    loop.spawn(add_up(loop, 1'000'000, sum));
    loop.run();
    EXPECT_EQ(sum, 1'000'000);
}

Task<int> deep(int levels) {
    if (levels == 0) co_return 0;
    co_return 1 + co_await deep(levels - 1);
}

Task<void> go_deep(Loop& loop, int& out) {
    out = co_await deep(100'000);
    loop.stop();
}

TEST_F(LoopTest, a_deep_chain_of_tasks_uses_no_stack) {
    int depth = 0;
    loop.spawn(go_deep(loop, depth));
    loop.run();
    EXPECT_EQ(depth, 100'000);
}

// Each post meets the loop just as it goes to sleep again. Were one lost, nothing else would wake
// it.
TEST_F(LoopTest, loses_no_post_that_meets_it_falling_asleep) {
    std::atomic<int> seen = 0;
    std::thread runner([this] { loop.run(); });
    int sent = 0;
    while (sent < 50'000) {
        loop.post([&seen] { ++seen; });
        ++sent;
        const SteadyTime until = clock.steady() + 2s;
        while (seen.load() < sent && clock.steady() < until) {
        }
        if (seen.load() < sent) break;
    }
    EXPECT_EQ(seen.load(), sent) << "a post was lost";
    loop.stop();
    loop.stop(); // the second one wakes it where the first was lost
    runner.join();
}

Task<void> wait_for(Signal& signal, std::vector<int>& order, int name) {
    co_await signal.wait();
    order.push_back(name);
}

TEST_F(LoopTest, a_notification_without_a_waiter_is_kept_and_used_once) {
    Signal signal(loop);
    std::vector<int> order;
    signal.notify();
    loop.spawn(wait_for(signal, order, 1));
    loop.run_for(5ms);
    loop.spawn(wait_for(signal, order, 2));
    loop.run_for(5ms);
    EXPECT_EQ(order, std::vector{1});
    signal.notify();
    loop.run_for(5ms);
    EXPECT_EQ(order, (std::vector{1, 2}));
}

struct Counted {
    explicit Counted(int& alive) : alive_(alive) { ++alive_; }
    ~Counted() { --alive_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    int& alive_;
};

Task<void> hold_inside(Signal& signal, int& alive) {
    const Counted counted(alive);
    co_await signal.wait();
}

Task<void> hold(Signal& signal, int& alive) {
    const Counted counted(alive);
    co_await hold_inside(signal, alive);
}

TEST_F(LoopTest, drop_destroys_what_waits_with_all_that_it_holds) {
    Signal first(loop);
    Signal second(loop);
    int alive = 0;
    loop.spawn(hold(first, alive));
    loop.spawn(hold(second, alive));
    loop.run_for(5ms);
    EXPECT_EQ(alive, 4);
    second.notify(); // ready, but not resumed any more
    loop.drop();
    EXPECT_EQ(alive, 0);
}

TEST_F(LoopTest, timers_fire_while_nothing_else_happens) {
    struct Fired {
        Loop& loop;
        int times = 0;
    } fired{loop};
    Wheel::Timer timer(
        loop.wheel(),
        [](void* self) {
            ++static_cast<Fired*>(self)->times;
            static_cast<Fired*>(self)->loop.stop();
        },
        &fired);
    const SteadyTime before = clock.steady();
    timer.arm(30ms);
    loop.run();
    EXPECT_EQ(fired.times, 1);
    EXPECT_GE(clock.steady() - before, 30ms);
    EXPECT_LT(clock.steady() - before, 500ms);
}

struct Pair {
    Pair() { ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()); }
    std::array<int, 2> ends{};
};

// Both become readable in one poll; whichever is told first closes the other, which must then not
// be told: it is gone.
TEST_F(LoopTest, a_descriptor_that_is_closed_is_not_told_what_was_polled_for_it) {
    struct Side {
        std::unique_ptr<Descriptor> own;
        Side* other = nullptr;
        int told = 0;
    };
    Pair one_pair;
    Pair two_pair;
    Side one;
    Side two;
    one.other = &two;
    two.other = &one;
    const auto tell = [](void* self, Descriptor::Ready) {
        auto& side = *static_cast<Side*>(self);
        ++side.told;
        side.other->own.reset();
    };
    one.own = std::make_unique<Descriptor>(loop, Socket(one_pair.ends[0]), tell, &one);
    two.own = std::make_unique<Descriptor>(loop, Socket(two_pair.ends[0]), tell, &two);
    Socket one_peer(one_pair.ends[1]);
    Socket two_peer(two_pair.ends[1]);
    ASSERT_EQ(::send(one_peer.descriptor(), "x", 1, 0), 1);
    ASSERT_EQ(::send(two_peer.descriptor(), "x", 1, 0), 1);
    loop.run_for(10ms);
    EXPECT_EQ(one.told + two.told, 1);
}

} // namespace
} // namespace weir::net
