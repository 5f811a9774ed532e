#include "net/blocking_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace weir::net {

struct BlockingPool::Threads {
    std::mutex lock;
    std::condition_variable something;
    std::deque<std::move_only_function<void()>> queue;
    bool closing = false;
    std::vector<std::thread> threads; // allow(thread): they are what this is

    void work() {
        std::unique_lock held(lock);
        while (true) {
            something.wait(held, [this] { return closing || !queue.empty(); });
            if (queue.empty()) return;
            {
                auto next = std::move(queue.front());
                queue.pop_front();
                held.unlock();
                next();
            }
            held.lock();
        }
    }
};

BlockingPool::BlockingPool(std::size_t threads) : threads_(std::make_unique<Threads>()) {
    for (std::size_t i = 0; i < threads; ++i)
        threads_->threads.emplace_back([all = threads_.get()] { all->work(); });
}

BlockingPool::~BlockingPool() { stop(); }

void BlockingPool::stop() {
    std::deque<std::move_only_function<void()>> dropped;
    {
        const std::lock_guard held(threads_->lock);
        threads_->closing = true;
        dropped.swap(threads_->queue);
    }
    threads_->something.notify_all();
    // allow(thread): they are what this is
    for (std::thread& thread : threads_->threads) thread.join();
    threads_->threads.clear();
}

void BlockingPool::post(std::move_only_function<void()> work) {
    {
        const std::lock_guard held(threads_->lock);
        if (threads_->closing) return;
        threads_->queue.push_back(std::move(work));
    }
    threads_->something.notify_one();
}

} // namespace weir::net
