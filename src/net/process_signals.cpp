#include "net/process_signals.h"

#include <algorithm>
#include <csignal>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace weir::net {

ProcessSignals::ProcessSignals(Loop& loop, std::function<void(int)> handle)
    : signals_(loop.io(), SIGTERM, SIGINT, SIGHUP), handle_(std::move(handle)) {
    wait();
}

void ProcessSignals::cancel() { signals_.cancel(); }

void ProcessSignals::wait() {
    signals_.async_wait([this](const boost::system::error_code& cancelled, int number) {
        if (cancelled) return;
        wait();
        handle_(number);
    });
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
