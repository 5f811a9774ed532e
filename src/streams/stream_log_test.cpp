#include "streams/stream_log.h"

#include "base/limits.h"
#include "net/loop.h"
#include "net/system_clock.h"
#include "streams/stream_index.h"

#include <gtest/gtest.h>
#include <thread>

namespace weir::streams {
namespace {

using namespace std::chrono_literals;

chat::ChatEvent text(std::string words) { return chat::TextDelta{0, std::move(words), {}}; }

std::string words_of(const chat::ChatEvent& event) { return std::get<chat::TextDelta>(event).text; }

Begun begun(std::string id = "strm_1") {
    Begun out;
    out.id = std::move(id);
    out.owner = UserId(1);
    return out;
}

class StreamLogTest : public testing::Test {
protected:
    std::shared_ptr<StreamLog> open(Begun as = begun()) {
        return std::make_shared<StreamLog>(loop, std::move(as), memory);
    }
    net::SystemClock clock;
    net::Loop loop{clock};
    net::Signal wake{loop};
    Memory memory;
};

TEST_F(StreamLogTest, each_reader_sees_every_event_once_and_then_the_ending) {
    const auto log = open();
    StreamLog::Reader first(log, loop, wake);
    for (int i = 1; i <= 3; ++i) log->append(text(std::to_string(i)));
    log->end({});
    StreamLog::Reader late(log, loop, wake);
    for (StreamLog::Reader* const reader : {&first, &late}) {
        EXPECT_EQ(reader->ending(), nullptr);
        for (int i = 1; i <= 3; ++i) {
            const chat::ChatEvent* const event = reader->next();
            ASSERT_NE(event, nullptr);
            EXPECT_EQ(words_of(*event), std::to_string(i));
            EXPECT_EQ(reader->number(), static_cast<std::uint64_t>(i));
        }
        EXPECT_EQ(reader->next(), nullptr);
        EXPECT_NE(reader->ending(), nullptr);
    }
}

TEST_F(StreamLogTest, a_log_that_cannot_be_joined_keeps_nothing_that_was_read) {
    const auto log = open(begun(""));
    StreamLog::Reader reader(log, loop, wake);
    for (int i = 0; i < 100; ++i) {
        log->append(text("words"));
        EXPECT_NE(reader.next(), nullptr);
    }
    EXPECT_EQ(memory.used, 0);
}

TEST_F(StreamLogTest, one_that_can_be_joined_keeps_all_and_counts_it) {
    {
        const auto log = open();
        StreamLog::Reader reader(log, loop, wake);
        for (int i = 0; i < 100; ++i) log->append(text("words"));
        while (reader.next() != nullptr) {
        }
        EXPECT_EQ(memory.used, log->bytes());
        EXPECT_GT(memory.used, 500);
    }
    EXPECT_EQ(memory.used, 0);
}

TEST_F(StreamLogTest, a_full_log_drops_what_was_read_and_cuts_who_holds_it_back) {
    const auto log = open();
    StreamLog::Reader quick(log, loop, wake);
    StreamLog::Reader slow(log, loop, wake);
    const std::string large(limits::stream_bytes / 16, 'x');
    int seen = 0;
    for (int i = 0; i < 64; ++i) {
        log->append(text(large));
        while (quick.next() != nullptr) ++seen;
        EXPECT_LE(log->bytes(), static_cast<std::int64_t>(limits::stream_bytes));
    }
    EXPECT_EQ(seen, 64);
    EXPECT_FALSE(quick.was_cut());
    EXPECT_EQ(slow.next(), nullptr);
    EXPECT_TRUE(slow.was_cut());
    StreamLog::Reader too_late(log, loop, wake, 3);
    EXPECT_TRUE(too_late.was_cut());
    StreamLog::Reader in_time(log, loop, wake, 63);
    EXPECT_FALSE(in_time.was_cut());
}

TEST_F(StreamLogTest, who_only_looks_is_cut_where_a_full_log_goes_on_without_it) {
    const auto log = open();
    const std::string large(limits::stream_bytes / 16, 'x');
    log->append(text(large));
    StreamLog::Reader look(log, loop, wake, 0, StreamLog::Presence::looks);
    for (int i = 0; i < 64; ++i) log->append(text(large));
    EXPECT_EQ(look.next(), nullptr);
    EXPECT_TRUE(look.was_cut());
}

TEST_F(StreamLogTest, one_that_is_kept_beside_does_not_fill_the_memory_of_all) {
    memory.most = 1'000;
    Begun as = begun();
    as.keeping = Begun::Keeping::beside;
    const auto log = open(std::move(as));
    for (int i = 0; i < 100; ++i) log->append(text("words"));
    EXPECT_LE(memory.used, memory.most);
}

TEST_F(StreamLogTest, the_writer_hears_when_the_last_reader_leaves_and_when_it_should_stop) {
    const auto log = open();
    int left = 0;
    std::optional<Errc> asked;
    log->on_wish([&](const std::optional<Error>& why) {
        if (why) asked = why->code();
        else ++left;
    });
    {
        StreamLog::Reader first(log, loop, wake);
        {
            StreamLog::Reader second(log, loop, wake);
        }
        EXPECT_EQ(left, 0);
    }
    EXPECT_EQ(left, 1);
    log->ask_to_stop(Errc::stream_cancelled);
    loop.run_for(5ms);
    EXPECT_EQ(asked, Errc::stream_cancelled);
    log->end({});
    {
        StreamLog::Reader third(log, loop, wake);
    }
    log->ask_to_stop(Errc::stream_cancelled);
    loop.run_for(5ms);
    EXPECT_EQ(left, 1) << "nobody listens to an ended one";
}

// One thread writes, readers of another come and go; each sees a run of numbers without a gap.
net::Task<void> read_some(std::shared_ptr<StreamLog> log, net::Loop& loop, std::uint64_t most,
                          int& running) {
    net::Signal wake(loop);
    StreamLog::Reader reader(std::move(log), loop, wake);
    std::uint64_t expected = 1;
    while (reader.ending() == nullptr && expected <= most) {
        if (const chat::ChatEvent* const event = reader.next()) {
            EXPECT_EQ(words_of(*event), std::to_string(expected));
            EXPECT_EQ(reader.number(), expected);
            ++expected;
        } else if (reader.ending() == nullptr) {
            co_await wake.wait();
        }
    }
    if (--running == 0) loop.stop();
}

TEST_F(StreamLogTest, readers_on_another_thread_miss_nothing) {
    constexpr std::uint64_t events = 20'000;
    net::Loop other(clock);
    const auto log = open();
    log->on_wish([](const std::optional<Error>&) {});
    int running = 40;
    for (std::uint64_t i = 0; i < 40; ++i)
        other.spawn(read_some(log, other, i % 2 == 0 ? events : i * 500, running));
    std::thread readers([&other] { other.run(); });
    for (std::uint64_t i = 1; i <= events; ++i) log->append(text(std::to_string(i)));
    log->end({});
    readers.join();
    EXPECT_EQ(running, 0);
}

class StreamIndexTest : public testing::Test {
protected:
    struct FakeClock final : Clock {
        WallTime wall() const override { return {}; }
        SteadyTime steady() const override { return now; }
        SteadyTime now{1h};
    };
    FakeClock clock;
    net::Loop loop{clock};
};

TEST_F(StreamIndexTest, finds_a_stream_for_its_owner_until_ten_minutes_after_its_end) {
    StreamIndex index(clock, 1 << 20);
    const auto log = index.open(loop, begun());
    EXPECT_EQ(index.find("strm_1", UserId(1)), log);
    EXPECT_EQ(index.find("strm_1", UserId(2)), nullptr);
    EXPECT_EQ(index.find("strm_2", UserId(1)), nullptr);
    log->end({});
    index.ended(*log);
    clock.now += 10min - 1s;
    EXPECT_EQ(index.find("strm_1", UserId(1)), log);
    clock.now += 2s;
    EXPECT_EQ(index.find("strm_1", UserId(1)), nullptr);
}

TEST_F(StreamIndexTest, forgets_a_stream_that_has_ended_for_its_owner) {
    StreamIndex index(clock, 1 << 20);
    const auto log = index.open(loop, begun());
    index.forget("strm_1", UserId(1));
    EXPECT_EQ(index.find("strm_1", UserId(1)), log) << "it runs";
    log->end({});
    index.ended(*log);
    index.forget("strm_1", UserId(2));
    EXPECT_EQ(index.find("strm_1", UserId(1)), log);
    index.forget("strm_1", UserId(1));
    EXPECT_EQ(index.find("strm_1", UserId(1)), nullptr);
    clock.now += 11min;
    EXPECT_EQ(index.find("strm_1", UserId(1)), nullptr) << "its time comes all the same";
}

TEST_F(StreamIndexTest, drops_the_oldest_that_ended_when_memory_is_short) {
    StreamIndex index(clock, 100'000);
    for (int i = 1; i <= 5; ++i) {
        auto log = index.open(loop, begun("strm_" + std::to_string(i)));
        log->append(text(std::string(30'000, 'x')));
        log->end({});
        index.ended(*log);
    }
    EXPECT_FALSE(index.is_full());
    EXPECT_EQ(index.find("strm_1", UserId(1)), nullptr);
    EXPECT_EQ(index.find("strm_2", UserId(1)), nullptr);
    EXPECT_NE(index.find("strm_5", UserId(1)), nullptr);
}

TEST_F(StreamIndexTest, running_streams_wait_for_each_other_where_they_fill_it) {
    StreamIndex index(clock, 50'000);
    auto first = index.open(loop, begun("strm_1"));
    auto second = index.open(loop, begun("strm_2"));
    first->append(text(std::string(60'000, 'x')));
    ASSERT_TRUE(index.is_full());
    bool roomy = false;
    net::Interrupt interrupt;
    const auto waiter = [](StreamIndex& all, net::Loop& mine, net::Interrupt& stop,
                           bool& done) -> net::Task<void> {
        co_await all.room(mine, stop);
        done = true;
    };
    // The loop's clock stands still, so its turns are counted.
    const auto turns = [this] { loop.finish([n = 0]() mutable { return n++ == 3; }, 1h); };
    loop.spawn(waiter(index, loop, interrupt, roomy));
    turns();
    EXPECT_FALSE(roomy);
    first->end({});
    index.ended(*first);
    first.reset();
    clock.now += 1s; // the timer looks again
    turns();
    EXPECT_TRUE(roomy);
}

} // namespace
} // namespace weir::streams
