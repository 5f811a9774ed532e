#pragma once
// The one answer to one request. It is given away with its use: after reject() or send() there is
// nothing left to send with, and after stream() only frames. Every answer carries its request id;
// every refusal is written into the record.

#include "dialects/error_shape.h"
#include "net/http/exchange.h"
#include "record/record.h"

namespace weir::gateway {

class Responder {
public:
    Responder(net::Exchange& exchange, record::Record& record, dialects::Shape shape)
        : exchange_(&exchange), record_(&record), shape_(shape) {}
    Responder(Responder&&) noexcept = default;
    Responder& operator=(Responder&&) = delete;

    // Headers for whichever answer comes.
    void add_header(std::string_view name, std::string value);

    WEIR_OWN_FRAME net::Task<void> reject(Error error) &&;
    WEIR_OWN_FRAME net::Task<void> send(net::Response response) &&;

    // The head of an event stream, and from then on frames.
    class Frames {
    public:
        // Sends complete frames; false when the client is gone.
        WEIR_OWN_FRAME net::Task<bool> write(std::string_view frames);
        // Ends the message properly.
        WEIR_OWN_FRAME net::Task<void> finish();
        // Ends it properly after an error frame; then the connection closes.
        WEIR_OWN_FRAME net::Task<void> finish_broken();

    private:
        friend class Responder;
        explicit Frames(net::Exchange& exchange) : exchange_(exchange) {}
        net::Exchange& exchange_;
    };
    Frames stream() &&;

    record::Record& record() { return *record_; }

private:
    void add_request_id();

    net::Exchange* exchange_;
    record::Record* record_;
    dialects::Shape shape_;
    net::HeaderList headers_;
};

} // namespace weir::gateway
