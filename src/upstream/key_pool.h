#pragma once
// The state of every provider key: whether it may be asked now, and what it said last. Shared by
// all threads.

#include "base/clock.h"
#include "base/guarded.h"
#include "base/secret.h"
#include "config/config.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::upstream {

enum class KeyState : std::uint8_t {
    ok,
    cooling,           // until a time: the provider asked for it
    suspended_auth,    // the provider refuses the key
    suspended_billing, // the account behind it has no money
};
std::string_view name(KeyState state);

class KeyPool {
public:
    explicit KeyPool(const Clock& clock) : clock_(clock) {}

    // The keys that may be asked now, to be tried in this order; a provider without keys gives one
    // empty one.
    struct Choice {
        const config::ProviderKey* key; // null: the provider takes none
        std::string_view id() const { return key == nullptr ? std::string_view() : key->id; }
        std::string_view credential() const {
            return key == nullptr ? std::string_view() : key->value.reveal();
        }
    };
    struct Choices {
        std::vector<Choice> keys;
        // Where there is none: why, and when one comes back.
        enum class Lack : std::uint8_t { none, cooling, suspended } lack = Lack::none;
        std::optional<std::chrono::milliseconds> ready_in;
    };
    Choices choose(const config::Provider& provider);

    // A running request; ends with the returned value.
    class Use {
    public:
        Use(KeyPool& pool, std::string_view id);
        Use(Use&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), id_(other.id_) {}
        Use& operator=(Use&&) = delete;
        ~Use();

    private:
        KeyPool* pool_;
        std::string_view id_; // of the configuration, which outlives the request
    };
    Use use(const Choice& choice) { return Use(*this, choice.id()); }

    void cool(const Choice& choice, std::chrono::milliseconds wait, std::string why);
    void suspend(const Choice& choice, KeyState state, std::string why);
    void note_error(const Choice& choice, std::string why);
    void note_success(const Choice& choice);
    // A key that was seen to work, or a new configuration: nothing is held against it any longer.
    void forgive(const Choice& choice);
    void forgive_all();

    struct View {
        std::string name;
        KeyState state = KeyState::ok;
        std::optional<WallTime> until;
        std::int64_t in_flight = 0;
        std::string last_error;
    };
    std::vector<View> view(const config::Provider& provider);

private:
    struct Entry {
        KeyState state = KeyState::ok;
        SteadyTime until{};
        std::int64_t in_flight = 0;
        std::string last_error;
    };
    Entry& entry(std::map<std::string, Entry, std::less<>>& entries, std::string_view id);

    const Clock& clock_;
    Guarded<std::map<std::string, Entry, std::less<>>> entries_; // by the key's id
    Guarded<std::map<std::string, std::size_t>> turns_;          // by provider: whose turn it is
};

} // namespace weir::upstream
