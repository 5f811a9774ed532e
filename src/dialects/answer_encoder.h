#pragma once
// From ChatEvents to what a client reads. A stream encoder turns one event into the data of at most
// one server-sent event; a whole encoder gathers them into one JSON body. One of each for every
// door.

#include "base/error.h"
#include "chat/chat_event.h"
#include "chat/chat_request.h"
#include "wire/sse_encoder.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

// How an answer ended, for the last words to the client.
struct Closing {
    chat::Usage usage;
    std::string usage_raw;                            // the provider's own object, or empty
    chat::Native usage_native = chat::Native::openai; // what that is written in
    std::int64_t nanousd = 0;
    bool estimated = false;
    std::string provider;
    std::string model; // the provider's name of it
};

class StreamEncoder {
public:
    virtual ~StreamEncoder() = default;
    // Appends frames for one event; nothing where the client has no use for it.
    virtual void event(const chat::ChatEvent& event, std::string& frames) = 0;
    // Appends the frames that end a whole answer.
    virtual void close(const Closing& closing, std::string& frames) = 0;
    // Appends the frame of a failure: the stream ends without its proper last frame.
    virtual void fail(const Error& error, std::string& frames) = 0;
    // What keeps a silent stream alive.
    virtual std::string_view heartbeat() const { return wire::heartbeat; }
};

class WholeEncoder {
public:
    virtual ~WholeEncoder() = default;
    virtual void event(const chat::ChatEvent& event) = 0;
    // The body. `quota_json` gives what the plain door shows of the caller's quota; the others do
    // not ask.
    virtual std::string close(const Closing& closing,
                              const std::function<std::string()>& quota_json) = 0;
};

// `fallback_id` names an answer whose provider gave it no id.
std::unique_ptr<StreamEncoder> openai_stream_encoder(chat::UsageWish usage,
                                                     std::string fallback_id);
std::unique_ptr<WholeEncoder> openai_whole_encoder(std::string fallback_id);
// /v1/messages.
std::unique_ptr<StreamEncoder> anthropic_stream_encoder(chat::UsageWish usage,
                                                        std::string fallback_id);
std::unique_ptr<WholeEncoder> anthropic_whole_encoder(std::string fallback_id);
// /api/v1/chat: {"content":"…"} and its last words.
std::unique_ptr<StreamEncoder> plain_stream_encoder();
std::unique_ptr<WholeEncoder> plain_whole_encoder(std::string id);

} // namespace weir::dialects
