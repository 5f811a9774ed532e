#include "net/system_clock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <openssl/rand.h>
#include <stdexcept>

namespace weir::net {
namespace {

void draw(std::span<std::byte> bytes) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                   static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("the system gives no random numbers");
}

} // namespace

WallTime SystemClock::wall() const {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady() const {
    return SteadyTime(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemRandom::fill(std::span<std::byte> bytes) {
    // Each thread draws from a pool, wiped as it is used: a request wants a few bytes several
    // times.
    struct Pool {
        std::array<std::byte, 4096> bytes;
        std::size_t used = sizeof bytes;
    };
    thread_local Pool pool;
    if (bytes.size() <= pool.bytes.size() / 4) {
        if (pool.used + bytes.size() > pool.bytes.size()) {
            draw(pool.bytes);
            pool.used = 0;
        }
        const auto from = std::span(pool.bytes).subspan(pool.used, bytes.size());
        std::ranges::copy(from, bytes.begin());
        std::ranges::fill(from, std::byte{0});
        pool.used += bytes.size();
        return;
    }
    draw(bytes);
}

} // namespace weir::net
