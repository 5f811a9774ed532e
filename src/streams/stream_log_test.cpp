#include "streams/stream_log.h"

#include "base/limits.h"
#include "net/loop.h"
#include "net/system_clock.h"

#include <gtest/gtest.h>

namespace weir::streams {
namespace {

chat::ChatEvent text(std::string words) { return chat::TextDelta{0, std::move(words), {}}; }

TEST(StreamLog, each_reader_sees_every_event_once_and_then_the_ending) {
    const net::SystemClock clock;
    net::Loop loop(clock);
    net::Signal wake(loop);
    StreamLog log(loop);
    StreamLog::Reader first(log, wake);
    StreamLog::Reader second(log, wake);
    for (int i = 0; i < 3; ++i) log.append(text(std::to_string(i)));
    log.end({});
    for (StreamLog::Reader* const reader : {&first, &second}) {
        EXPECT_EQ(reader->ending(), nullptr);
        for (int i = 0; i < 3; ++i) {
            const chat::ChatEvent* const event = reader->next();
            ASSERT_NE(event, nullptr);
            EXPECT_EQ(std::get<chat::TextDelta>(*event).text, std::to_string(i));
        }
        EXPECT_EQ(reader->next(), nullptr);
        EXPECT_NE(reader->ending(), nullptr);
    }
}

TEST(StreamLog, a_full_log_makes_its_writer_wait_until_a_reader_went_on) {
    const net::SystemClock clock;
    net::Loop loop(clock);
    net::Signal wake(loop);
    StreamLog log(loop);
    std::optional<StreamLog::Reader> reader(std::in_place, log, wake);
    log.append(text(std::string(limits::stream_bytes, 'x')));
    bool went_on = false;
    const auto writer = [](StreamLog& full, bool& done) -> net::Task<void> {
        co_await full.wait_for_room();
        done = true;
    };
    loop.spawn(writer(log, went_on));
    loop.finish([] { return false; }, std::chrono::milliseconds(20));
    EXPECT_FALSE(went_on);
    EXPECT_NE(reader->next(), nullptr);
    loop.finish([&] { return went_on; }, std::chrono::milliseconds(500));
    EXPECT_TRUE(went_on);
}

} // namespace
} // namespace weir::streams
