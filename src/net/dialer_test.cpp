#include "net/dialer.h"

#include "net/listening.h"
#include "net/system_clock.h"

#include <array>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <optional>
#include <unistd.h>

namespace weir::net {
namespace {

using namespace std::chrono_literals;

class DialerTest : public testing::Test {
protected:
    // How dialling ended; empty where it has not after ten seconds.
    std::optional<Result<Socket>> dial(const std::string& host, std::uint16_t port,
                                       std::chrono::milliseconds patience = 5s) {
        outcome.reset();
        loop.spawn(run(host, port, patience));
        loop.finish([this] { return outcome.has_value(); }, 10s);
        return std::move(outcome);
    }
    Task<void> run(std::string host, std::uint16_t port, std::chrono::milliseconds patience) {
        const Deadline deadline = Deadline::at(clock.steady() + patience);
        outcome = co_await dialer.dial(host, port, deadline, interrupt);
    }
    // A port that nobody listens on any more.
    static std::uint16_t closed_port() {
        const auto listening = listen_tcp("127.0.0.1:0", Sharing::alone);
        ::close(listening->descriptor);
        return listening->port;
    }

    SystemClock clock;
    Loop loop{clock};
    Interrupt interrupt;
    Dialer dialer{loop};
    std::optional<Result<Socket>> outcome;
};

TEST_F(DialerTest, connects_to_an_address) {
    const auto listening = listen_tcp("127.0.0.1:0", Sharing::alone);
    ASSERT_TRUE(listening);
    const Socket keep(listening->descriptor);
    const auto dialled = dial("127.0.0.1", listening->port);
    ASSERT_TRUE(dialled && *dialled);
    EXPECT_TRUE((*dialled)->is_open());
}

// localhost may be ::1 first, where nobody listens: the other address is tried at once.
TEST_F(DialerTest, connects_to_a_name_by_whichever_of_its_addresses_answers) {
    const auto listening = listen_tcp("127.0.0.1:0", Sharing::alone);
    ASSERT_TRUE(listening);
    const Socket keep(listening->descriptor);
    for (int times = 0; times < 2; ++times) { // looked up, then remembered
        const SteadyTime before = clock.steady();
        const auto dialled = dial("localhost", listening->port);
        ASSERT_TRUE(dialled && *dialled);
        EXPECT_LT(clock.steady() - before, 3s);
    }
}

TEST_F(DialerTest, says_where_nobody_listens) {
    const std::uint16_t port = closed_port();
    const auto dialled = dial("127.0.0.1", port);
    ASSERT_TRUE(dialled && !*dialled);
    EXPECT_EQ(dialled->error().code(), Errc::upstream_error);
    const std::string detail(dialled->error().detail());
    EXPECT_NE(detail.find("refused"), std::string::npos) << detail;
    EXPECT_NE(detail.find(std::to_string(port)), std::string::npos) << detail;
}

TEST_F(DialerTest, says_which_name_cannot_be_resolved) {
    const auto dialled = dial("no such host", 80); // a space: no resolver is asked
    ASSERT_TRUE(dialled && !*dialled);
    EXPECT_EQ(dialled->error().code(), Errc::upstream_error);
    EXPECT_NE(dialled->error().detail().find("no such host"), std::string_view::npos);
}

// A listener whose queue is full answers no more: the connection stays pending.
class FullListener {
public:
    FullListener() {
        listening_ = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* const where = reinterpret_cast<sockaddr*>(&address);
        ::bind(listening_.descriptor(), where, length);
        ::listen(listening_.descriptor(), 0);
        ::getsockname(listening_.descriptor(), where, &length);
        port = ntohs(address.sin_port);
        for (Socket& filler : fillers_) {
            filler = Socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(filler.descriptor(), where, length);
        }
    }
    std::uint16_t port = 0;

private:
    Socket listening_;
    std::array<Socket, 4> fillers_;
};

TEST_F(DialerTest, gives_up_at_its_deadline) {
    const FullListener full;
    const SteadyTime before = clock.steady();
    const auto dialled = dial("127.0.0.1", full.port, 200ms);
    ASSERT_TRUE(dialled && !*dialled);
    EXPECT_EQ(dialled->error().code(), Errc::upstream_timeout);
    EXPECT_GE(clock.steady() - before, 200ms);
    EXPECT_LT(clock.steady() - before, 2s);
}

TEST_F(DialerTest, an_interruption_ends_it_at_once) {
    const FullListener full;
    loop.spawn(run("127.0.0.1", full.port, 5s));
    loop.run_for(20ms);
    EXPECT_FALSE(outcome);
    interrupt.request();
    const SteadyTime before = clock.steady();
    loop.finish([this] { return outcome.has_value(); }, 2s);
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ(outcome->error().code(), Errc::client_left);
    EXPECT_LT(clock.steady() - before, 100ms);
}

} // namespace
} // namespace weir::net
