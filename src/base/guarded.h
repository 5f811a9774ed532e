#pragma once
// Data reachable only through its lock: `auto state = guarded.lock(); state->field`. Never keep the
// lock across a co_await.

#include <mutex>
#include <utility>

namespace weir {

template <class T>
class Guarded {
public:
    Guarded() = default;
    explicit Guarded(T value) : value_(std::move(value)) {}

    class Locked {
    public:
        T* operator->() { return &value_; }
        T& operator*() { return value_; }
        std::unique_lock<std::mutex>& handle() { return lock_; }

    private:
        friend class Guarded;
        Locked(std::mutex& mutex, T& value) : lock_(mutex), value_(value) {}
        std::unique_lock<std::mutex> lock_;
        T& value_;
    };

    Locked lock() { return Locked(mutex_, value_); }

private:
    std::mutex mutex_;
    T value_;
};

} // namespace weir
