#include "upstream/demo_attempt.h"

#include "dialects/demo_answer.h"

#include <chrono>

namespace weir::upstream {
namespace {

constexpr std::chrono::milliseconds word_time{20};

class DemoAnswer final : public Answer {
public:
    DemoAnswer(const AttemptInput& input, std::vector<chat::ChatEvent> events)
        : events_(std::move(events)),
          interrupt_(input.interrupt),
          bell_(input.loop),
          timer_(
              input.loop.wheel(),
              [](void* self) { static_cast<DemoAnswer*>(self)->bell_.notify(); }, this),
          paced_(input.delivery == chat::Delivery::streamed) {}

    net::Task<Result<std::vector<chat::ChatEvent>>> next() override {
        if (!paced_) co_return std::exchange(events_, {});
        std::vector<chat::ChatEvent> out;
        if (position_ > 0 && position_ < events_.size()) {
            const net::Interrupt::Scope scope(
                interrupt_, [](void* self) { static_cast<DemoAnswer*>(self)->bell_.notify(); },
                this);
            timer_.arm(word_time);
            co_await bell_.wait();
        }
        if (interrupt_.requested()) co_return refuse(Errc::client_left);
        // What is not text follows the text before it at once.
        while (position_ < events_.size()) {
            out.push_back(std::move(events_[position_++]));
            const bool more = position_ < events_.size();
            if (more && chat::is_meaningful(out.back()) &&
                chat::output_bytes(events_[position_]) > 0)
                break;
        }
        co_return out;
    }

private:
    std::vector<chat::ChatEvent> events_;
    std::size_t position_ = 0;
    net::Interrupt& interrupt_;
    net::Signal bell_;
    net::Wheel::Timer timer_;
    bool paced_;
};

} // namespace

net::Task<Result<std::unique_ptr<Answer>>> attempt_demo(const AttemptInput& input) {
    CO_CHECK(co_await input.reservation.durable(input.loop));
    input.reservation.mark_sent({input.request.input_tokens_estimate(), 0, 0});
    const auto now = std::chrono::floor<std::chrono::seconds>(input.loop.clock().wall());
    auto events = dialects::demo_answer(input.request, now.time_since_epoch().count());
    auto answer = std::make_unique<DemoAnswer>(input, std::move(events));
    answer->origin = origin_of(input.candidate, "demo");
    std::unique_ptr<Answer> out = std::move(answer);
    co_return out;
}

} // namespace weir::upstream
