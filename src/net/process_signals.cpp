#include "net/process_signals.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir::net {

namespace {

constexpr std::array steering{SIGTERM, SIGINT, SIGHUP};

std::atomic<int> pipe_end = -1;

// A handler may do next to nothing: it writes the number down for the loop to read. A full pipe
// holds thousands of them already.
void note(int number) {
    const int before = errno;
    const auto byte = static_cast<char>(number);
    [[maybe_unused]] const ssize_t written = ::write(pipe_end, &byte, 1);
    errno = before;
}

void handle_with(void (*handler)(int)) {
    struct sigaction action{};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    for (const int number : steering) ::sigaction(number, &action, nullptr);
}

Socket make_pipe(Socket& writing) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return {};
    writing = Socket(ends[1]);
    return Socket(ends[0]);
}

} // namespace

ProcessSignals::ProcessSignals(Loop& loop, std::function<void(int)> handle)
    : heard_(
          loop, make_pipe(told_),
          [](void* self, Descriptor::Ready) { static_cast<ProcessSignals*>(self)->take(); }, this),
      handle_(std::move(handle)) {
    pipe_end = told_.descriptor();
    handle_with(note);
}

ProcessSignals::~ProcessSignals() { handle_with(SIG_DFL); }

void ProcessSignals::cancel() { heard_.close(); }

void ProcessSignals::take() {
    char number = 0;
    while (heard_.is_open() && ::read(heard_.number(), &number, 1) == 1) handle_(number);
}

void ignore_broken_pipes() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ,
                SIG_IGN); // a full file is a failed write, which the ledger knows how to refuse
}

std::size_t raise_open_file_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

void keep_files_private() { ::umask(0077); }

std::size_t processor_count() {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&allowed)));
}

} // namespace weir::net
