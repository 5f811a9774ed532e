#pragma once
// One provider's answer in progress: a source of events that has already given its first meaningful
// one. Thread: the loop's only. Dropping it hangs up on the provider.

#include "base/error.h"
#include "chat/chat_event.h"
#include "config/config.h"
#include "net/task.h"
#include "streams/stream_log.h"
#include "upstream/routes.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::upstream {

class Answer {
public:
    virtual ~Answer() = default;

    // The next events; none at the end of a whole answer.
    // Errors: upstream_error, upstream_timeout, upstream_malformed, stream_truncated, client_left.
    // After the
    // answer was finished there are no errors: what follows the finish cannot spoil it.
    virtual net::Task<Result<std::vector<chat::ChatEvent>>> next() = 0;

    // Who answers, and what it charges. Whoever takes the answer takes it, and leaves null.
    struct Origin {
        streams::Source source;
        std::optional<config::Price> price;
    };
    std::unique_ptr<Origin> origin;
    std::string remark;               // what went wrong and did no harm, for the log
    std::shared_ptr<const void> keep; // what the answer refers to, while it lasts
};

std::unique_ptr<Answer::Origin> origin_of(const Candidate& candidate, std::string model);

// Says when it was made where its dialect does not.
void date(std::vector<chat::ChatEvent>& events, WallTime now);

// An answer that is there already, up to its end.
class WholeAnswer final : public Answer {
public:
    explicit WholeAnswer(std::vector<chat::ChatEvent> events) : events_(std::move(events)) {}
    net::Task<Result<std::vector<chat::ChatEvent>>> next() override {
        co_return std::exchange(events_, {});
    }

private:
    std::vector<chat::ChatEvent> events_;
};

} // namespace weir::upstream
