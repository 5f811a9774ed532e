#pragma once
// Coarse timers for one thread: arming, re-arming and cancelling cost a few nanoseconds and no
// system call. A timer fires up to three ticks late, never early. Hashed timing wheel (Varghese and
// Lauck, 1987, scheme 6).
// Thread: the loop's only.

#include <array>
#include <chrono>
#include <cstdint>

namespace weir::net {

class Wheel {
public:
    static constexpr std::chrono::milliseconds tick{20};

    class Timer {
    public:
        using Fire = void (*)(void* owner);
        Timer(Wheel& wheel, Fire fire, void* owner) : wheel_(wheel), fire_(fire), owner_(owner) {}
        ~Timer() { cancel(); }
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;

        // Fires once after `delay`; a timer that is armed already is moved.
        void arm(std::chrono::nanoseconds delay);
        void cancel();
        bool armed() const { return armed_; }

    private:
        friend class Wheel;
        void unlink();

        Wheel& wheel_;
        Fire fire_;
        void* owner_;
        Timer* next_ = nullptr;
        Timer** link_ = nullptr;      // what points at this timer; null when it is in no slot
        std::uint64_t due_ = 0;       // tick number
        std::uint64_t slot_tick_ = 0; // when its slot is visited; may be before due_
        bool armed_ = false;
    };

    // Advances to the tick that `elapsed` since the start falls in, firing what is due.
    void advance(std::chrono::nanoseconds elapsed);
    // Whether any timer waits in a slot: while none does, nobody needs to call advance().
    bool idle() const { return linked_ == 0; }
    // Called when a timer is about to be put into an idle wheel: set_now() and start ticking.
    void on_wake(void (*wake)(void*), void* owner) {
        wake_ = wake;
        wake_owner_ = owner;
    }
    // What the loop's clock says now, for arming; set by the loop before it runs handlers.
    void set_now(std::chrono::nanoseconds elapsed);

private:
    static constexpr std::size_t slot_count = 512;
    void link(Timer& timer);
    void collect_due(Timer* timer);
    static void push(Timer*& head, Timer& timer);

    std::array<Timer*, slot_count> slots_{};
    Timer* firing_ = nullptr;   // due in the tick being visited
    std::uint64_t current_ = 0; // last tick visited
    std::chrono::nanoseconds now_{};
    std::size_t linked_ = 0;
    void (*wake_)(void*) = nullptr;
    void* wake_owner_ = nullptr;
};

} // namespace weir::net
