#pragma once
// A provider's answer that streams, decoded as it comes.

#include "dialects/stream_decoder.h"
#include "net/http/http_client.h"
#include "upstream/answer.h"
#include "upstream/pace.h"

namespace weir::upstream {

class StreamedAnswer final : public Answer {
public:
    struct Parts {
        net::Loop& loop;
        Pace pace;
        std::unique_ptr<dialects::StreamDecoder> decoder;
        std::int64_t choices;        // asked for
        std::string_view credential; // of the configuration, which outlives the answer
    };
    StreamedAnswer(net::Call call, Parts parts);

    net::Task<Result<std::vector<chat::ChatEvent>>> next() override;
    // Reads up to the first event that a client would see. `first_event` bounds it.
    WEIR_OWN_FRAME net::Task<Result<void>> open(Deadline first_event);

private:
    WEIR_OWN_FRAME Result<void> take(std::string_view bytes, std::vector<chat::ChatEvent>& events);
    // Nothing more was to be read: the end, or why not.
    WEIR_OWN_FRAME Result<void> take_end(const Result<std::string_view>& bytes,
                                         std::vector<chat::ChatEvent>& events);
    void end();
    void note(std::string_view fact);
    void note_after_finish(const Error& error);
    Error masked(Error error) const;

    net::Call call_;
    net::Loop& loop_;
    Pace pace_;
    std::unique_ptr<dialects::StreamDecoder> decoder_;
    std::vector<chat::ChatEvent> early_;
    std::optional<Error> failure_; // comes after the events that were read with it
    std::int64_t choices_;
    std::string_view credential_; // which no error repeats
    bool ended_ = false;
};

} // namespace weir::upstream
