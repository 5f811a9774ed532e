#pragma once
// The state of every provider key: whether it may be asked now, and what it said last. Keys of one
// group belong to one organisation there: they are fast, poor or rich together. A key that was
// refused is tried again by itself, with one request after a time that doubles; its state outlives
// a restart. Shared by all threads.

#include "base/clock.h"
#include "base/error.h"
#include "base/guarded.h"
#include "base/secret.h"
#include "config/config.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::upstream {

enum class KeyState : std::uint8_t {
    ok,
    cooling,           // until a time: the provider asked for it
    suspended_auth,    // the provider refuses the key
    suspended_billing, // the account behind it has no money
    half_open,         // was suspended; one request is finding out
};
std::string_view name(KeyState state);

// What became of a key that was tried out.
enum class CanaryVerdict : std::uint8_t { proven, refused };

// What is remembered of a key that is not well.
struct SavedKey {
    std::string id;
    std::string fingerprint; // of the credential: another one under that name is another key
    KeyState state = KeyState::ok;
    WallTime until{};
    std::uint32_t refusals = 0;
    std::string last_error;
};

class ProviderKeyStore {
public:
    virtual ~ProviderKeyStore() = default;
    virtual Result<std::vector<SavedKey>> load_provider_keys() = 0;
    // Must not block. Thread: any.
    virtual void save_provider_key(SavedKey key) = 0;
};

class KeyPool {
public:
    explicit KeyPool(const Clock& clock) : clock_(clock) {}

    // Before the first request: where the states are kept, and who is told of a change.
    using Tell = std::function<void(const std::string& kind, const std::string& detail)>;
    void remember_in(ProviderKeyStore& store, const std::vector<SavedKey>& saved, Tell tell);

    // Who is told what a canary came to, after so many answers in a row or at its first refusal.
    using Judge = std::function<void(const std::string& id, CanaryVerdict verdict)>;
    void judge_canaries(Judge judge) { judge_ = std::move(judge); }

    // The keys that may be asked now, to be tried in this order; a provider without keys gives one
    // empty one.
    struct Choice {
        const config::Provider* provider;
        const config::ProviderKey* key; // null: the provider takes none
        std::string_view id() const { return key == nullptr ? std::string_view() : key->id; }
        std::string_view group() const { return key == nullptr ? std::string_view() : key->group; }
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
    // Whether one of them still may: another of its group may have ended that meanwhile.
    bool may_ask(const Choice& choice);

    // A running request. What it found out is said before it ends; without, a key that was being
    // tried again stays suspended.
    class Use {
    public:
        Use(KeyPool& pool, const Choice& choice);
        Use(Use&& other) noexcept
            : pool_(std::exchange(other.pool_, nullptr)), choice_(other.choice_) {}
        Use& operator=(Use&&) = delete;
        ~Use();

    private:
        KeyPool* pool_;
        Choice choice_; // of the configuration, which outlives the request
    };
    Use use(const Choice& choice) { return Use(*this, choice); }

    // All keys of its group rest; a deadline is never made earlier.
    void cool(const Choice& choice, std::chrono::milliseconds wait, std::string why);
    // For `suspended_billing` all keys of its group.
    void suspend(const Choice& choice, KeyState state, std::string why);
    void note_error(const Choice& choice, std::string why);
    void note_success(const Choice& choice);
    // A key that was seen to work, or a new configuration: it is not suspended any longer.
    void forgive(const Choice& choice);
    void forgive_all();
    // Nothing is known of the key of that id: another may take its name.
    void forget(std::string_view id);

    struct View {
        std::string name;
        KeyState state = KeyState::ok;
        std::optional<WallTime> until; // of a suspended one: when it is tried again
        std::int64_t in_flight = 0;
        std::string last_error;
        bool canary = false;
    };
    std::vector<View> view(const config::Provider& provider);
    // Answers that are being made with the key of that id.
    std::int64_t in_flight(std::string_view id);

private:
    struct Entry {
        KeyState state = KeyState::ok;
        SteadyTime until{};
        KeyState suspended_as = KeyState::ok; // what a half open one was
        std::uint32_t refusals = 0;           // in a row
        std::int64_t in_flight = 0;
        std::int64_t proofs = 0; // answers of a canary
        std::string last_error;
    };
    using Entries = std::map<std::string, Entry, std::less<>>;
    struct Turn {
        std::size_t number = 0;
        std::size_t first = 0; // the key that it begins with
        bool canaries = false; // whether there are some
    };
    Turn turn_of(const config::Provider& provider);
    static Entry& entry(Entries& entries, std::string_view id);
    // The keys of the provider that share the choice's group.
    template <class Visit>
    void each_of_group(Entries& entries, const Choice& choice, Visit visit);
    void note_proof(const config::ProviderKey& key);
    void save(const config::ProviderKey& key, const Entry& known);
    void tell(const std::string& kind, const std::string& detail) const;

    const Clock& clock_;
    ProviderKeyStore* store_ = nullptr;
    Tell tell_;
    Judge judge_;
    std::map<std::string, SavedKey, std::less<>> saved_; // found at the start, until it is met
    Guarded<Entries> entries_;                           // by the key's id
    Guarded<std::map<std::string, std::size_t>> turns_;  // by provider: whose turn it is
};

} // namespace weir::upstream
