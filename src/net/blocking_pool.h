#pragma once
// A few threads for work that would stall a loop: password hashing, mostly. The result comes back
// on the caller's own loop.

#include "net/loop.h"
#include "net/signal.h"
#include "net/task.h"

#include <functional>
#include <memory>
#include <optional>

namespace weir::net {

class BlockingPool {
public:
    explicit BlockingPool(std::size_t threads);
    ~BlockingPool(); // waits for what was given to it

    // Runs `work` on a pool thread. Requires: it does not touch what belongs to a loop.
    template <class T>
    Task<T> run(Loop& loop, std::move_only_function<T()> work) {
        Signal done(loop);
        std::optional<T> result;
        post([&, task = std::move(work)]() mutable {
            result.emplace(task());
            loop.post([&] { done.notify(); });
        });
        co_await done.wait();
        co_return *std::move(result);
    }
    // Drops what has not begun and returns when the rest has ended: from then on no thread of it
    // touches a coroutine or a loop. What is given to it later is dropped.
    void stop();
    // The same without a result.
    void post(std::move_only_function<void()> work);

private:
    struct Threads;
    std::unique_ptr<Threads> threads_;
};

} // namespace weir::net
