#pragma once
// The head of one HTTP/1.1 response from an upstream (RFC 9112, sections 4 to 6), owning its bytes.

#include "wire/fields.h"

#include <string>
#include <string_view>

namespace weir::wire {

class ResponseHead {
public:
    // `bytes` is a whole head with its empty line.
    static Parsed<ResponseHead> parse(std::string bytes);

    ResponseHead() = default;
    ResponseHead(ResponseHead&& other) noexcept { adopt(other); }
    ResponseHead& operator=(ResponseHead&& other) noexcept {
        if (this != &other) adopt(other);
        return *this;
    }

    int status() const { return status_; }
    bool informational() const { return status_ < 200; }
    const Framing& framing() const { return framing_; }
    bool keep_alive() const { return keep_alive_; }
    const Fields& fields() const { return fields_; }
    std::optional<std::string_view> find(std::string_view name) const { return fields_.find(name); }

private:
    void adopt(ResponseHead& other);

    std::string bytes_;
    Fields fields_;
    Framing framing_;
    int status_ = 0;
    bool keep_alive_ = true;
};

} // namespace weir::wire
