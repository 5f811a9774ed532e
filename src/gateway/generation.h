#pragma once
// One answer being made. It is a coroutine of its own: it owns the reservation, the provider's
// answer and the write end of the stream log, and every client, the first too, is only a reader of
// that log. When the last reader leaves, or the owner stops the stream, it hangs up on the provider
// and settles what was produced.
// Thread: its loop's.

#include "chat/continuation.h"
#include "dialects/responses/encoder.h"
#include "filter/checked.h"
#include "gateway/parts.h"
#include "streams/stream_log.h"

#include <memory>

namespace weir::gateway {

class Generation {
public:
    struct Order {
        filter::Checked checked;
        upstream::Route route;
        quota::Reservation reservation;
        upstream::Allowance::Terms allowance;
        chat::Delivery delivery;
        streams::Begun begun;
        // With one the answer runs to its end, whoever leaves, and is stored.
        std::optional<streams::Idempotency::Claim> claim;
        // What others may find it under while it runs.
        std::optional<Digest> flight;
        // Held as long as the answer is made, where it outlives its request.
        std::optional<limits::Concurrency::Slot> slot;
        std::optional<limits::TokenCharge> token_charge;
        // Whoever leaves, it runs to its end.
        enum class Life : std::uint8_t { with_readers, to_the_end } life = Life::with_readers;
        // The talk that its answer ends, where it is kept (streams::StoredResponse::items).
        std::optional<std::string> talk;
    };
    // Starts it on the loop of `mine`; it lives until it has settled.
    static std::shared_ptr<Generation> start(Parts& parts, ThreadParts& mine, Order order);

    const std::shared_ptr<streams::StreamLog>& log() { return log_; }
    // It is alive: what it holds does not expire.
    void renew() {
        if (!log_->ended() && reservation_) reservation_->renew();
    }
    // Ends it early: what was produced is settled, and readers are told `why`.
    void stop(Error why);

    Generation(Parts& parts, ThreadParts& mine, Order order);
    ~Generation();

private:
    static net::Task<void> run(std::shared_ptr<Generation> self);
    net::Task<Result<void>> pump(upstream::Answer& answer);
    // Whether what broke off with `why` may be gone on with.
    WEIR_OWN_FRAME bool may_go_on(const Error& why) const;
    WEIR_OWN_FRAME net::Task<Result<void>> go_on(Error why);
    WEIR_OWN_FRAME net::Task<void> settle(Result<void> pumped);
    WEIR_OWN_FRAME net::Task<void> give_up(Error error);
    WEIR_OWN_FRAME net::Task<void> remember(const streams::Ending& ending);
    void end(streams::Ending ending);
    // Somebody asked for its end: the last reader by leaving, or the owner.
    bool was_cancelled(const Error& error) const;
    WEIR_OWN_FRAME void take(std::vector<chat::ChatEvent>& events);
    void take(chat::ChatEvent event);
    void append(chat::ChatEvent event);
    void belongs_to(std::unique_ptr<upstream::Answer::Origin> origin);
    void count();
    enum class Made : std::uint8_t { whole, in_part };
    WEIR_OWN_FRAME void meter_exactly();
    WEIR_OWN_FRAME net::Task<void> count_output(Made made);
    chat::Usage used(Made made) const;
    bool is_reported(Made made) const;
    quota::Cost cost(Made made) const;

    Parts& parts_;
    ThreadParts& mine_;
    // Needed until a provider has it, and for going on: an answer at rest does without.
    struct Question {
        filter::Checked checked;
        upstream::Route route;
    };
    std::unique_ptr<Question> question_;
    std::int64_t input_estimate_;
    std::optional<quota::Reservation> reservation_;
    upstream::Allowance allowance_;
    chat::Delivery delivery_;
    std::int64_t choices_; // asked for
    std::uint64_t finished_choices_ = 0;
    bool finished_ = false; // all of them: the answer is whole
    std::shared_ptr<streams::StreamLog> log_;
    Order::Life life_;
    std::unique_ptr<const std::string> talk_;            // null: its answer is not kept
    std::unique_ptr<dialects::ResponseDraft> draft_;     // of an answer that is kept
    std::unique_ptr<streams::Idempotency::Claim> claim_; // null: the answer has no key
    std::unique_ptr<const Digest> flight_;               // null: nobody else may share it
    std::optional<limits::Concurrency::Slot> slot_;
    std::unique_ptr<limits::TokenCharge> token_charge_; // null: tokens have no rate
    net::Interrupt interrupt_;
    std::optional<config::Price> price_;
    std::unique_ptr<const chat::UsageReport> reported_; // by the provider, so far
    std::size_t output_bytes_ = 0;
    std::optional<std::int64_t> output_count_; // tokens, by our own count
    struct Exact {
        std::string text;
        std::int64_t frame_tokens;
    };
    // What an answer that was gone on with had cost before that.
    struct FirstPart {
        chat::Usage usage;
        std::size_t output_bytes;
        chat::Seam seam;
    };
    std::unique_ptr<FirstPart> first_part_; // null: it has one part
    bool only_text_ = true;
    std::unique_ptr<const Exact> exact_; // the input of a model whose tokens can be counted
    std::optional<Error> stopped_;
    std::string remark_;
};

} // namespace weir::gateway
