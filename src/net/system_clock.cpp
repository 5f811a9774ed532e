#include "net/system_clock.h"

#include <chrono>
#include <openssl/rand.h>
#include <stdexcept>

namespace weir::net {

WallTime SystemClock::wall() const {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady() const {
    return SteadyTime(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemRandom::fill(std::span<std::byte> bytes) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                   static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("the system gives no random numbers");
}

} // namespace weir::net
