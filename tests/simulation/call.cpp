#include "call.h"

#include "base/limits.h"
#include "quota/price.h"

#include <algorithm>

namespace weir::simulation {

using chat::ChatEvent;
using quota::Cost;

namespace {

constexpr int attempts_max = 3;

std::int64_t rounded_tokens(std::int64_t bytes) { return (bytes + 3) / 4; }

} // namespace

Call::Call(Surroundings around, Record& record, quota::Reservation reservation,
           const upstream::Allowance::Terms& terms)
    : around_(around),
      record_(record),
      reservation_(std::move(reservation)),
      allowance_(*reservation_, around.loop, terms),
      terms_(terms),
      delivery_(record.delivery),
      inbox_(around.loop),
      granted_(terms.held),
      most_(terms.most.value_or(INT64_MAX)) {}

void Call::leave() {
    left_ = true;
    wake();
}

void Call::shut() {
    shut_ = true;
    wake();
}

net::Task<void> Call::run() {
    Found found = Found::nothing;
    for (int tried = 0; tried < attempts_max && found == Found::nothing; ++tried)
        found = co_await attempt();
    if (found == Found::answer) {
        co_await pump();
        co_await settle();
    } else {
        give_up();
    }
    ended_ = true;
}

// One target is asked. Its answer, nothing at all, or a reason to ask nobody else.
net::Task<Call::Found> Call::attempt() {
    allowance_.restart();
    reservation_->restart();
    bytes_ = told_ = 0;
    counted_ = {};
    if (delivery_ == Delivery::whole) {
        const std::int64_t all = most_ == INT64_MAX ? terms_.usual : most_;
        const bool held = granted_ >= all || extend_model(all - granted_);
        const auto outcome = allowance_.hold_all();
        around_.report.check(outcome.has_value() == held, "call {}: hold_all() {}, expected {}",
                             record_.number, outcome.has_value(), held);
        if (!outcome) co_return Found::failure;
    }
    waits_ = true;
    const auto durable = co_await reservation_->durable(around_.loop);
    waits_ = false;
    if (!durable || is_stopped()) co_return Found::failure;
    around_.report.check(around_.witness.find(record_.number) != nullptr,
                         "call {} is sent and its RESERVE is not on the disk", record_.number);
    counted_ = {record_.input, 0, quota::input_bound_nanousd(price, record_.input)};
    reservation_->mark_sent(counted_);
    sent_ = true;
    record_.provider.open();
    const auto needed =
        delivery_ == Delivery::whole ? Provider::Arrived::all : Provider::Arrived::some;
    co_await wait(needed);
    if (is_stopped()) co_return Found::failure;
    // Half of a whole answer is none.
    co_return record_.provider.has(needed) ? Found::answer : Found::nothing;
}

net::Task<void> Call::wait(Provider::Arrived needed) {
    const Provider& provider = record_.provider;
    while (!provider.has(needed) && !provider.is_dead() && !is_stopped()) co_await inbox_.wait();
}

net::Task<void> Call::pump() {
    while (true) {
        co_await wait(Provider::Arrived::some);
        if (is_stopped()) co_return;
        // A connection that dies after the finish has done its work.
        if (!record_.provider.has(Provider::Arrived::some)) {
            whole_ = finished_;
            co_return;
        }
        const Chunk chunk = record_.provider.take();
        if (chunk.end) {
            whole_ = finished_;
            co_return;
        }
        const Next next = co_await take(chunk);
        count();
        if (next == Next::cut) whole_ = true; // as far as it was paid for
        if (next != Next::more) co_return;
        // A whole answer goes to its reader when it has been paid, and so does what the provider
        // counts and nobody sees.
        if (delivery_ == Delivery::streamed && chunk.bytes > 0) record_.provider.pass(chunk.tokens);
    }
}

net::Task<Call::Next> Call::take(Chunk chunk) {
    std::vector<ChatEvent> events;
    if (chunk.bytes > 0) {
        std::string text(static_cast<std::size_t>(chunk.bytes), 'x');
        events.emplace_back(chat::TextDelta{0, std::move(text), {}});
    }
    if (chunk.finish) events.emplace_back(chat::ChoiceFinished{0, "stop", {}});
    if (chunk.usage) events.emplace_back(chat::UsageReport{*chunk.usage, {}});
    for (const ChatEvent& event : events) {
        if (delivery_ == Delivery::streamed) {
            const Next next = co_await pass(event);
            if (next != Next::more) co_return next;
        }
        bytes_ += static_cast<std::int64_t>(chat::output_bytes(event));
        if (!std::holds_alternative<chat::UsageReport>(event)) continue;
        told_ = std::max(told_, chunk.usage->output.value());
        if (!reported_ || chunk.usage->output >= reported_->output) reported_ = chunk.usage;
    }
    finished_ = finished_ || chunk.finish;
    passed_ += chunk.bytes > 0 ? chunk.tokens : 0;
    const Witness::Hold* const hold = around_.witness.find(record_.number);
    around_.report.check(hold != nullptr &&
                             (delivery_ == Delivery::whole || passed_ <= hold->bound.tokens_out),
                         "call {}: {} tokens are passed on, {} are on the disk", record_.number,
                         passed_, hold == nullptr ? 0 : hold->bound.tokens_out);
    co_return Next::more;
}

// Nothing goes beyond what the disk has paid for.
net::Task<Call::Next> Call::pass(const ChatEvent& event) {
    std::vector<ChatEvent> events{event};
    if (allowance_.pass_now(events)) co_return Next::more;
    expect_slab(event);
    waits_ = true;
    const auto passed = co_await allowance_.pass(events);
    waits_ = false;
    if (!passed) co_return Next::failed;
    co_return allowance_.was_cut() ? Next::cut : Next::more;
}

std::int64_t Call::spent(std::int64_t bytes) const {
    const std::int64_t least = std::max(rounded_tokens(bytes), told_);
    if (least > most_) return least;
    return std::max(std::min((bytes + 1) / 2, most_), told_);
}

// Another slab when less than half of one is left, and more for one event that is larger.
void Call::expect_slab(const ChatEvent& event) {
    const std::int64_t after = spent(bytes_ + static_cast<std::int64_t>(chat::output_bytes(event)));
    const bool enough = after <= most_ && granted_ >= most_;
    if (enough || granted_ - after >= limits::slab_tokens / 2) return;
    std::int64_t wanted = std::max(limits::slab_tokens, after - granted_ + limits::slab_tokens / 2);
    if (after <= most_) wanted = std::min(wanted, most_ - granted_);
    if (extend_model(wanted) || granted_ >= after) return;
    // Where no whole slab is left, what is left.
    for (std::int64_t more = limits::slab_tokens / 2;; more /= 2) {
        const std::int64_t least = after - granted_;
        if (extend_model(std::max(more, least)) || more <= least) return;
    }
}

bool Call::extend_model(std::int64_t tokens) {
    if (around_.ledger.broken()) return false;
    const bool fits = around_.model.extend(record_.number, tokens,
                                           quota::output_bound_nanousd(terms_.dearest, tokens));
    if (fits) granted_ += tokens;
    return fits;
}

// As Generation::used(): the provider's last count is the truth about a whole answer, of any other
// what was produced counts where that is more.
Cost Call::used() const {
    chat::Usage usage;
    usage.input = Tokens(record_.input);
    usage.output = Tokens(rounded_tokens(bytes_));
    if (reported_) {
        const bool uncut = whole_ && !allowance_.was_cut();
        const Tokens output = usage.output;
        usage = *reported_;
        if (!uncut || (usage.output.value() == 0 && bytes_ > 0))
            usage.output = std::max(usage.output, output);
    }
    return {usage.input.value(), usage.output.value(), quota::cost_nanousd(price, usage)};
}

void Call::count() {
    const bool was_whole = std::exchange(whole_, false);
    const Cost cost = used();
    whole_ = was_whole;
    reservation_->count(cost, quota::Certainty::estimated);
    counted_.tokens_in = std::max(counted_.tokens_in, cost.tokens_in);
    counted_.tokens_out = std::max(counted_.tokens_out, cost.tokens_out);
    counted_.nanousd = std::max(counted_.nanousd, cost.nanousd);
}

net::Task<void> Call::settle() {
    const bool left = is_stopped() && !whole_ && left_;
    const quota::Reason reason = whole_ ? quota::Reason::complete
                                 : left ? quota::Reason::cancelled
                                        : quota::Reason::interrupted;
    const Cost cost = used();
    const Cost held = around_.model.held(record_.number);
    around_.model.settle(record_.number, cost);
    const std::int64_t lsn =
        std::move(*reservation_).settle({reason, cost, quota::Certainty::estimated});
    reservation_.reset();
    if (left) co_return;
    // A stream's last frame waits for the disk; if that fails, it goes out all the same. A whole
    // answer does not wait: it is covered by what was held for it.
    bool durable = false;
    waits_ = true;
    if (delivery_ == Delivery::streamed)
        durable = (co_await around_.ledger.when_durable(lsn, around_.loop)).has_value();
    waits_ = false;
    record_.told = cost;
    if (!durable) {
        record_.told->tokens_in = std::min(cost.tokens_in, held.tokens_in);
        record_.told->tokens_out = std::min(cost.tokens_out, held.tokens_out);
    }
    const Witness::Hold* const hold = around_.witness.find(record_.number);
    around_.report.check(hold != nullptr && (!durable || hold->end),
                         "call {}: the client is told, and its end is not on the disk",
                         record_.number);
}

void Call::give_up() {
    if (left_ && sent_) {
        around_.model.settle(record_.number, counted_);
        std::move(*reservation_)
            .settle(
                {quota::Reason::cancelled, reservation_->counted(), quota::Certainty::estimated});
    } else {
        record_.dead = true;
        around_.model.release(record_.number);
        std::move(*reservation_).release();
    }
    reservation_.reset();
}

void Call::drop() {
    if (!reservation_) return;
    if (sent_) around_.model.settle(record_.number, counted_);
    else around_.model.release(record_.number);
    record_.dead = !sent_;
    reservation_.reset();
}

} // namespace weir::simulation
