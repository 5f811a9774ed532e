#pragma once
// Idempotency-Key: one request, however often it is sent. The first holder of a key makes the
// answer; those who come while it runs join it, those who come after its end get the stored one.
// An answer that was refused, failed or broke is not stored: its key is free again. Answers that
// ended are kept for limits::idempotency_time, across restarts.
// Thread: any, except where a loop is named.

#include "base/digest.h"
#include "base/guarded.h"
#include "base/ids.h"
#include "net/task.h"
#include "streams/stream_log.h"

#include <map>
#include <variant>
#include <vector>

namespace weir::streams {

struct IdempotencyKey {
    KeyId owner;
    std::string text;
    Digest request{}; // of what is asked, but for how it is delivered
};

// An answer as it is stored: what its door needs to say it again.
struct StoredAnswer {
    Digest request{};
    enum class Size : std::uint8_t { kept, too_large } size = Size::kept;
    std::string frames; // the events, as an OpenAI stream without its end
    Ending ending;      // complete or cancelled
    Source source;
};

class AnswerStore {
public:
    virtual ~AnswerStore() = default;
    // Errors: ledger_unavailable.
    virtual net::Task<Result<std::optional<StoredAnswer>>> find_answer(net::Loop& loop, KeyId owner,
                                                                       std::string key) = 0;
    // Returns when it is durable; what is too old goes.
    virtual net::Task<Result<void>> save_answer(net::Loop& loop, KeyId owner, std::string key,
                                                StoredAnswer answer) = 0;
};

class Idempotency {
    struct Slot;

public:
    explicit Idempotency(AnswerStore& store) : store_(store) {}

    // The right to make the answer for a key. Dropped, the key is free again.
    class Claim {
    public:
        Claim(Claim&& other) noexcept = default;
        Claim& operator=(Claim&&) = delete;
        ~Claim();
        // Of what is asked, as 32 bytes.
        std::string digest_text() const {
            return {reinterpret_cast<const char*>(key_.request.data()), key_.request.size()};
        }
        // From here on others join this answer.
        void begin(std::shared_ptr<StreamLog> log);
        // It has ended well: it is stored, and the claim is over.
        WEIR_OWN_FRAME net::Task<Result<void>> keep(net::Loop& loop, StoredAnswer answer);

    private:
        friend class Idempotency;
        Claim(Idempotency& all, IdempotencyKey key, std::shared_ptr<Slot> slot)
            : all_(&all), key_(std::move(key)), slot_(std::move(slot)) {}
        Idempotency* all_;
        IdempotencyKey key_;
        std::shared_ptr<Slot> slot_; // null once moved from
    };

    using Found = std::variant<Claim, std::shared_ptr<StreamLog>, StoredAnswer>;
    // Errors: idempotency_key_reused, idempotency_answer_too_large, ledger_unavailable.
    WEIR_OWN_FRAME net::Task<Result<Found>> claim(net::Loop& loop, IdempotencyKey key);

private:
    struct Waiter {
        net::Loop* loop;
        net::Signal* signal;
    };
    // A key that is being looked up or answered.
    struct Slot {
        Digest request{};
        std::shared_ptr<StreamLog> log; // null before it has begun
        std::vector<Waiter> waiters;
    };
    using Slots = std::map<std::pair<std::int64_t, std::string>, std::shared_ptr<Slot>>;
    void free(const IdempotencyKey& key);
    static void wake(std::vector<Waiter> waiters);

    AnswerStore& store_;
    Guarded<Slots> slots_;
};

} // namespace weir::streams
