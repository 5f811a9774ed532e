#pragma once
// A request to stop that reaches into whatever one coroutine is awaiting right now. The awaiting
// operation installs itself while it waits; request() runs it at once. Thread: the loop's only.

namespace weir::net {

class Interrupt {
public:
    void request() {
        if (requested_) return;
        requested_ = true;
        if (fire_ != nullptr) fire_(owner_);
    }
    bool requested() const { return requested_; }

    // While it lives, request() calls `fire(owner)`. Scopes nest: the innermost is called.
    class Scope {
    public:
        using Fire = void (*)(void* owner);
        Scope(Interrupt& interrupt, Fire fire, void* owner)
            : interrupt_(interrupt), outer_fire_(interrupt.fire_), outer_owner_(interrupt.owner_) {
            interrupt.fire_ = fire;
            interrupt.owner_ = owner;
        }
        ~Scope() {
            interrupt_.fire_ = outer_fire_;
            interrupt_.owner_ = outer_owner_;
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Interrupt& interrupt_;
        Fire outer_fire_;
        void* outer_owner_;
    };

private:
    bool requested_ = false;
    Scope::Fire fire_ = nullptr;
    void* owner_ = nullptr;
};

} // namespace weir::net
