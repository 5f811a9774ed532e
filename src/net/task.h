#pragma once
// The coroutine type of the whole program. A task does nothing until it is awaited; then it runs on
// the stack of whoever awaits it, and control passes straight back when it ends, however deep the
// chain (symmetric transfer, C++20 [expr.await]). Name a temporary first, then await it.
// An exception that leaves a coroutine is a bug and ends the program.
// Thread: a task lives on the loop that it was started on.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

// Where a coroutine awaits another that it can see, the compiler makes one frame of both, and of
// all the others that it awaits in turn. That saves allocations on a short road; on a long one,
// where a stream rests, it keeps memory for what is over or has not begun. This gives a coroutine a
// frame of its own, and keeps what a plain function needs out of the frame of its caller.
#define WEIR_OWN_FRAME [[gnu::noinline]]

namespace weir::net {

template <class T>
class Task;

namespace task {

// Memory for frames. A request takes and gives back a few dozen, most of them larger than what
// malloc keeps at hand for a thread, so each thread keeps some of each size itself. Thread: any.
void* take_frame(std::size_t size);
void give_frame(void* frame, std::size_t size);

class PromiseBase {
public:
    static void* operator new(std::size_t size) { return take_frame(size); }
    static void operator delete(void* frame, std::size_t size) { give_frame(frame, size); }

    std::suspend_always initial_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    void continue_with(std::coroutine_handle<> caller) { caller_ = caller; }

    struct Final {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
            return ended.promise().caller_;
        }
        void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }

private:
    std::coroutine_handle<> caller_;
};

template <class T>
class Promise final : public PromiseBase {
public:
    Task<T> get_return_object();
    template <class U>
        requires std::is_convertible_v<U&&, T>
    void return_value(U&& value) {
        result_.emplace(std::forward<U>(value));
    }
    T take() { return *std::move(result_); }

private:
    std::optional<T> result_;
};

template <>
class Promise<void> final : public PromiseBase {
public:
    Task<void> get_return_object();
    void return_void() {}
    void take() {}
};

} // namespace task

template <class T>
class [[nodiscard]] Task {
public:
    using value_type = T;
    using promise_type = task::Promise<T>;

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (frame_) frame_.destroy();
    }

    // For co_await. Requires: awaited at most once; the task outlives the await.
    bool await_ready() const { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) {
        frame_.promise().continue_with(caller);
        return frame_;
    }
    T await_resume() { return frame_.promise().take(); }

private:
    friend promise_type;
    explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> task::Promise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> task::Promise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

} // namespace weir::net
