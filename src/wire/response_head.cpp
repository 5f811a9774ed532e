#include "wire/response_head.h"

#include "base/text.h"

namespace weir::wire {
namespace {

// Our own requests are never HEAD or CONNECT, so only the status and the fields decide.
Parsed<Framing> response_framing(const Fields& fields, int status, int minor) {
    if (status < 200 || status == 204 || status == 304) return Framing{};
    const std::size_t lengths = fields.count("content-length");
    const std::size_t codings = fields.count("transfer-encoding");
    if (codings > 0) {
        if (minor == 0) return malformed("HTTP/1.0 has no Transfer-Encoding");
        // Two framings in a response mean that something on the way was fooled.
        if (lengths > 0) return malformed("Content-Length and Transfer-Encoding are both there");
        if (codings > 1 || !equal_ignoring_case(*fields.find("transfer-encoding"), "chunked"))
            return malformed("the only transfer coding known is chunked");
        return Framing{Framing::Kind::chunked, 0};
    }
    if (lengths == 0) return Framing{Framing::Kind::until_close, 0};
    if (lengths > 1) return malformed("Content-Length is there twice");
    const auto length = parse_decimal(*fields.find("content-length"));
    if (!length) return malformed("Content-Length is not a number");
    return Framing{Framing::Kind::length, *length};
}

} // namespace

Parsed<ResponseHead> ResponseHead::parse(std::string bytes) {
    ResponseHead head;
    head.bytes_ = std::move(bytes);
    const std::string_view text = head.bytes_;
    const std::size_t line_end = text.find("\r\n");
    if (line_end == std::string_view::npos || !text.ends_with("\r\n\r\n"))
        return malformed("the response does not end with an empty line");
    const std::string_view line = text.substr(0, line_end);
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || (line.size() > 12 && line[12] != ' '))
        return malformed("the status line is not HTTP/1");
    if (has_control(line)) return malformed("the reason holds a control byte");
    const int minor = line[7] - '0';
    const auto status = parse_decimal(line.substr(9, 3));
    if (!status || *status < 100 || *status > 599) return malformed("the status is not one");
    head.status_ = static_cast<int>(*status);
    auto fields = Fields::parse(text.substr(line_end + 2, text.size() - line_end - 4));
    if (!fields) return std::unexpected(fields.error());
    head.fields_ = *std::move(fields);
    auto framing = response_framing(head.fields_, head.status_, minor);
    if (!framing) return std::unexpected(framing.error());
    head.framing_ = *framing;
    head.keep_alive_ = !head.fields_.lists("connection", "close") &&
                       (minor == 1 || head.fields_.lists("connection", "keep-alive")) &&
                       head.framing_.kind != Framing::Kind::until_close;
    return head;
}

void ResponseHead::adopt(ResponseHead& other) {
    const char* const from = other.bytes_.data();
    bytes_ = std::move(other.bytes_);
    fields_ = std::move(other.fields_);
    if (from != bytes_.data()) fields_.rebase(from, bytes_.data());
    framing_ = other.framing_;
    status_ = other.status_;
    keep_alive_ = other.keep_alive_;
}

} // namespace weir::wire
