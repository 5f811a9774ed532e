#include "net/stream.h"

#include "net/system_clock.h"

#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <sys/socket.h>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class StreamTest : public testing::Test {
protected:
    StreamTest() {
        std::array<int, 2> ends{};
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data());
        stream.emplace(loop, Socket(ends[0]));
        peer = Socket(ends[1]);
    }

    void peer_sends(std::string_view bytes) {
        ASSERT_EQ(::send(peer.descriptor(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
    }
    std::size_t peer_takes() {
        std::array<char, 65536> buffer;
        std::size_t total = 0;
        while (true) {
            const ssize_t n = ::recv(peer.descriptor(), buffer.data(), buffer.size(), 0);
            if (n <= 0) return total;
            total += static_cast<std::size_t>(n);
        }
    }

    // Reads until it ends; what came, and why it ended.
    struct Seen {
        std::string bytes;
        std::optional<IoEnd> end;
    };
    static Task<void> read_all(Stream& stream, std::chrono::milliseconds timeout, Seen& seen) {
        while (true) {
            const auto read = co_await stream.read(timeout);
            if (!read) {
                seen.end = read.error();
                stream.loop().stop();
                co_return;
            }
            seen.bytes += *read;
        }
    }
    static Task<void> write_all(Stream& stream, std::string bytes,
                                std::optional<IoResult<void>>& out) {
        out = co_await stream.write(bytes, 100ms);
    }

    SystemClock clock;
    Loop loop{clock};
    std::optional<Stream> stream;
    Socket peer;
};

// The end of input arrives with the last bytes, in one edge: no other edge will announce it.
TEST_F(StreamTest, sees_an_end_that_came_together_with_bytes) {
    Seen seen;
    loop.spawn(read_all(*stream, 5s, seen));
    loop.run_for(5ms);
    peer_sends("last words");
    peer.close();
    loop.run_for(5s);
    EXPECT_EQ(seen.bytes, "last words");
    EXPECT_EQ(seen.end, IoEnd::closed);
}

TEST_F(StreamTest, sees_bytes_and_an_end_from_before_it_was_made) {
    peer_sends("early");
    peer.close();
    Seen seen;
    loop.spawn(read_all(*stream, 5s, seen));
    loop.run_for(5s);
    EXPECT_EQ(seen.bytes, "early");
    EXPECT_EQ(seen.end, IoEnd::closed);
}

TEST_F(StreamTest, reads_more_than_its_buffer_at_once) {
    std::string much(150'000, 'x');
    Seen seen;
    peer_sends(much.substr(0, 75'000));
    peer_sends(much.substr(75'000));
    loop.spawn(read_all(*stream, 200ms, seen));
    loop.run_for(5s);
    EXPECT_EQ(seen.bytes, much);
    EXPECT_EQ(seen.end, IoEnd::timeout);
}

TEST_F(StreamTest, a_full_socket_is_written_on_when_the_peer_takes) {
    std::optional<IoResult<void>> outcome;
    loop.spawn(write_all(*stream, std::string(4'000'000, 'x'), outcome));
    std::size_t taken = 0;
    for (int i = 0; i < 2'000 && !outcome; ++i) {
        loop.run_for(1ms);
        taken += peer_takes();
    }
    taken += peer_takes();
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(*outcome);
    EXPECT_EQ(taken, 4'000'000u);
}

TEST_F(StreamTest, a_peer_that_takes_nothing_ends_a_write_in_time) {
    std::optional<IoResult<void>> outcome;
    loop.spawn(write_all(*stream, std::string(4'000'000, 'x'), outcome));
    loop.run_for(400ms);
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error(), IoEnd::timeout);
}

TEST_F(StreamTest, abort_ends_a_read_that_waits) {
    Seen seen;
    loop.spawn(read_all(*stream, 5s, seen));
    loop.run_for(5ms);
    stream->abort();
    loop.run_for(1s);
    EXPECT_EQ(seen.end, IoEnd::aborted);
}

TEST_F(StreamTest, a_watcher_is_told_when_the_peer_leaves) {
    Signal gone(loop);
    stream->watch(gone);
    loop.run_for(5ms);
    (void)gone.take();
    EXPECT_EQ(stream->peek(), Stream::Peek::quiet);
    peer.close();
    loop.run_for(5ms);
    EXPECT_TRUE(gone.take());
    EXPECT_EQ(stream->peek(), Stream::Peek::gone);
}

TEST_F(StreamTest, bytes_with_an_end_behind_them_are_bytes_first) {
    Signal woken(loop);
    stream->watch(woken);
    peer_sends("next");
    peer.close();
    loop.run_for(5ms);
    EXPECT_EQ(stream->peek(), Stream::Peek::bytes);
    const auto read = stream->read_now();
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, "next");
    EXPECT_EQ(stream->peek(), Stream::Peek::gone);
}

} // namespace
} // namespace weir::net
