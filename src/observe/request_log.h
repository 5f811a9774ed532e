#pragma once
// Structured logs on stderr: one JSON line a request, and one for each event. Lines gather in a
// buffer and go out together at flush(); warnings go at once.

#include "record/record.h"

#include <memory>
#include <string>

namespace weir::observe {

class RequestLog final : public record::Sink {
public:
    // `level`: error, warn, info or debug.
    RequestLog(const Clock& clock, const std::string& level);
    ~RequestLog() override;

    void publish(const record::Record& record) override;
    void publish(const record::Event& event) override;
    void set_level(const std::string& level);
    // Thread: any; called a few times a second.
    void flush();

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace weir::observe
