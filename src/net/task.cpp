#include "net/task.h"

#include <array>
#include <memory>
#include <new>

namespace weir::net::task {
namespace {

constexpr std::size_t step = 32; // frames are rounded up to this
constexpr std::size_t classes = 128;
constexpr std::size_t kept_bytes = 32 * 1024; // of each size, for each thread

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool pooled = false; // so that the sanitizer sees every frame's end
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

struct Free {
    Free* next;
};

class Pool {
public:
    Pool() = default;
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() {
        for (Stack& stack : stacks_)
            while (stack.top != nullptr) ::operator delete(pop(stack));
    }

    void* take(std::size_t size) {
        const std::size_t kind = (size + step - 1) / step;
        if (!pooled || kind >= classes) return ::operator new(size);
        Stack& stack = stacks_[kind];
        return stack.top != nullptr ? pop(stack) : ::operator new(kind * step);
    }

    void give(void* frame, std::size_t size) {
        const std::size_t kind = (size + step - 1) / step;
        if (!pooled || kind >= classes || stacks_[kind].count * kind * step >= kept_bytes)
            return ::operator delete(frame);
        Stack& stack = stacks_[kind];
        stack.top = std::construct_at(static_cast<Free*>(frame), stack.top);
        ++stack.count;
    }

private:
    struct Stack {
        Free* top = nullptr;
        std::size_t count = 0;
    };
    static void* pop(Stack& stack) {
        Free* const free = stack.top;
        stack.top = free->next;
        --stack.count;
        return free;
    }

    std::array<Stack, classes> stacks_{};
};

Pool& mine() {
    thread_local Pool pool;
    return pool;
}

} // namespace

void* take_frame(std::size_t size) { return mine().take(size); }
void give_frame(void* frame, std::size_t size) { mine().give(frame, size); }

} // namespace weir::net::task
