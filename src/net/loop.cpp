#include "net/loop.h"

#include "base/limits.h"
#include "net/descriptor.h"

#include <cerrno>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace weir::net {
namespace {

constexpr std::size_t events_max = 256;
// Ready coroutines make others ready, as a read wakes the reader of its stream; after so many
// rounds new input gets its turn.
constexpr int rounds_max = 8;

int opened(int descriptor, const char* what) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
    return descriptor;
}

} // namespace

// A coroutine without a caller. It frees itself when it ends.
struct Loop::Root {
    explicit Root(Loop& loop) : next(loop.roots_), link(&loop.roots_) {
        if (next != nullptr) next->link = &next;
        loop.roots_ = this;
    }
    ~Root() {
        *link = next;
        if (next != nullptr) next->link = link;
    }
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    struct Started;
    static Started run(Loop&, Task<void> task);

    std::coroutine_handle<> frame;
    Root* next;
    Root** link;
};

struct Loop::Root::Started {
    struct promise_type : Root {
        promise_type(Loop& loop, Task<void>&) : Root(loop) {
            frame = std::coroutine_handle<promise_type>::from_promise(*this);
        }
        Started get_return_object() { return {Root::frame}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
    std::coroutine_handle<> handle;
};

Loop::Root::Started Loop::Root::run(Loop&, Task<void> task) { co_await std::move(task); }

Loop::Loop(const Clock& clock)
    : clock_(clock),
      started_(clock.steady()),
      scratch_size_(limits::read_buffer),
      scratch_(std::make_unique_for_overwrite<char[]>(limits::read_buffer)),
      epoll_(opened(::epoll_create1(EPOLL_CLOEXEC), "epoll")),
      bell_(opened(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")),
      events_(std::make_unique<epoll_event[]>(events_max)) {
    // Edge-triggered, so nobody needs to read it: each ring is an edge.
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, bell_, &event);
    wheel_.on_wake(
        [](void* self) {
            Loop& loop = *static_cast<Loop*>(self);
            loop.wheel_.set_now(loop.clock_.steady() - loop.started_);
        },
        this);
}

Loop::~Loop() {
    drop();
    ::close(bell_);
    ::close(epoll_);
}

void Loop::run() {
    while (!stopped_) turn(std::chrono::milliseconds::max());
}

void Loop::run_for(std::chrono::milliseconds patience) {
    finish([this] { return stopped_; }, patience);
}

void Loop::finish(const std::function<bool()>& done, std::chrono::milliseconds patience) {
    const SteadyTime until = clock_.steady() + patience;
    while (!done() && clock_.steady() < until) turn(std::chrono::milliseconds(10));
}

void Loop::drop() {
    while (roots_ != nullptr) roots_->frame.destroy();
    ready_.clear();
}

void Loop::stop() {
    post([this] { stopped_ = true; });
}

void Loop::post(std::move_only_function<void()> work) {
    {
        const std::lock_guard lock(posted_lock_);
        posted_.push_back(std::move(work));
    }
    // Either the loop sees the work before it sleeps, or this sees that it may be asleep: both
    // sides write first and read then, in one total order.
    has_posted_.store(true);
    if (may_sleep_.load()) ::eventfd_write(bell_, 1);
}

void Loop::spawn(Task<void> task) { resume_soon(Root::run(*this, std::move(task)).handle); }

void Loop::turn(std::chrono::milliseconds patience_max) {
    for (int round = 0; round < rounds_max && !ready_.empty(); ++round) resume_ready();
    int timeout = 0;
    if (ready_.empty() && !has_posted_.load(std::memory_order_relaxed)) {
        timeout = sleep_ms(patience_max);
        may_sleep_.store(true);
        if (has_posted_.load()) timeout = 0;
    }
    poll(timeout);
    may_sleep_.store(false, std::memory_order_relaxed);
    if (!wheel_.idle()) wheel_.advance(clock_.steady() - started_);
    if (has_posted_.load(std::memory_order_relaxed)) run_posted();
}

void Loop::resume_ready() {
    resuming_.swap(ready_);
    for (const std::coroutine_handle<> coroutine : resuming_) coroutine.resume();
    resuming_.clear();
}

void Loop::run_posted() {
    {
        const std::lock_guard lock(posted_lock_);
        has_posted_.store(false, std::memory_order_relaxed);
        running_.swap(posted_);
    }
    for (auto& work : running_) work();
    running_.clear();
}

void Loop::poll(int timeout_ms) {
    const int count = ::epoll_wait(epoll_, events_.get(), events_max, timeout_ms);
    events_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
    for (events_next_ = 0; events_next_ < events_count_;) {
        const epoll_event& event = events_[events_next_++];
        if (event.data.ptr != nullptr) static_cast<Descriptor*>(event.data.ptr)->tell(event.events);
    }
    events_count_ = 0;
}

// Up to the wheel's next tick; for ever where no timer is set.
int Loop::sleep_ms(std::chrono::milliseconds patience_max) const {
    if (wheel_.idle())
        return patience_max == std::chrono::milliseconds::max()
                   ? -1
                   : static_cast<int>(patience_max.count());
    const auto into = (clock_.steady() - started_) % Wheel::tick;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(Wheel::tick - into);
    return static_cast<int>(std::min(left, patience_max).count());
}

void Loop::forget(const Descriptor& descriptor) {
    for (std::size_t i = events_next_; i < events_count_; ++i)
        if (events_[i].data.ptr == &descriptor) events_[i].data.ptr = nullptr;
}

} // namespace weir::net
