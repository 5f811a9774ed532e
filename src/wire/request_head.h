#pragma once
// The head of one HTTP/1.1 request (RFC 9112, sections 3 and 5), parsed strictly and owning its
// bytes.

#include "wire/fields.h"

#include <string>
#include <string_view>

namespace weir::wire {

class RequestHead {
public:
    // `bytes` is a whole head with its empty line. Errors: 400, 414, 431, 501, 505.
    static Parsed<RequestHead> parse(std::string bytes);

    RequestHead() = default;
    RequestHead(RequestHead&& other) noexcept;
    RequestHead& operator=(RequestHead&& other) noexcept;

    std::string_view method() const { return method_; }
    std::string_view path() const {
        return path_;
    } // as sent, percent-encoding kept, begins with '/'
    std::string_view query() const { return query_; } // after the '?', or empty
    std::string_view host() const { return host_; }
    int minor() const { return minor_; } // HTTP/1.minor: 0 or 1
    const Framing& framing() const { return framing_; }
    bool keep_alive() const { return keep_alive_; }
    bool expects_continue() const { return expects_continue_; }
    bool has_body() const;

    const Fields& fields() const { return fields_; }
    std::optional<std::string_view> find(std::string_view name) const { return fields_.find(name); }
    // The value of one query parameter as sent, or nullopt.
    std::optional<std::string_view> query_value(std::string_view name) const;

private:
    Parsed<void> parse_request_line(std::string_view line);
    Parsed<void> judge_fields();
    void adopt(RequestHead& other);

    std::string bytes_;
    std::string_view method_;
    std::string_view path_;
    std::string_view query_;
    std::string_view host_;
    Fields fields_;
    Framing framing_;
    int minor_ = 1;
    bool keep_alive_ = true;
    bool expects_continue_ = false;
};

} // namespace weir::wire
