#include "wire/request_head.h"

#include "base/limits.h"
#include "base/text.h"

namespace weir::wire {
namespace {

// RFC 3986 without its fragment: visible ASCII. Brackets, quotes and backslashes are no part of a
// URI either.
bool is_target(std::string_view target) {
    for (const char c : target) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f) return false;
        if (std::string_view("#\"<>[\\]^`{|}").find(c) != std::string_view::npos) return false;
    }
    return true;
}

// RFC 9110, section 9, and PATCH (RFC 5789).
bool is_known_method(std::string_view method) {
    for (const std::string_view known :
         {"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
        if (method == known) return true;
    return false;
}

} // namespace

Parsed<RequestHead> RequestHead::parse(std::string bytes) {
    RequestHead head;
    head.bytes_ = std::move(bytes);
    std::string_view text = head.bytes_;
    const std::size_t line_end = text.find("\r\n");
    if (line_end == std::string_view::npos || !text.ends_with("\r\n\r\n"))
        return malformed("the request does not end with an empty line");
    if (line_end > limits::request_line_bytes)
        return std::unexpected(Fault{414, "the request target is too long"});
    if (auto line = head.parse_request_line(text.substr(0, line_end)); !line)
        return std::unexpected(line.error());
    auto fields = Fields::parse(text.substr(line_end + 2, text.size() - line_end - 4));
    if (!fields) return std::unexpected(fields.error());
    head.fields_ = *std::move(fields);
    if (auto judged = head.judge_fields(); !judged) return std::unexpected(judged.error());
    return head;
}

Parsed<void> RequestHead::parse_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return malformed("the request line has not three parts");
    method_ = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!is_token(method_)) return malformed("the method is not a token");
    if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.')
        return malformed("the version is not HTTP");
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return std::unexpected(Fault{505, "only HTTP/1.1 and HTTP/1.0 are spoken here"});
    if (!is_known_method(method_)) return std::unexpected(Fault{501, "the method is not known"});
    minor_ = version.back() - '0';
    // Weir is an origin: a proxy's absolute form and CONNECT's authority form have no meaning here.
    if (!target.starts_with('/') && !(target == "*" && method_ == "OPTIONS"))
        return malformed("the request target is not a path");
    if (!is_target(target)) return malformed("the request target holds a byte that is not allowed");
    const std::size_t mark = target.find('?');
    path_ = target.substr(0, mark);
    query_ = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
    return {};
}

Parsed<void> RequestHead::judge_fields() {
    const std::size_t hosts = fields_.count("host");
    if (hosts > 1) return malformed("Host is there twice");
    if (hosts == 0 && minor_ == 1) return malformed("Host is missing");
    if (hosts == 1) {
        host_ = *fields_.find("host");
        if (!is_authority(host_)) return malformed("Host is not a host");
    }
    auto framing = request_framing(fields_, minor_);
    if (!framing) return std::unexpected(framing.error());
    framing_ = *framing;
    if (const auto expect = fields_.find("expect")) {
        if (!equal_ignoring_case(*expect, "100-continue"))
            return malformed("the expectation is unknown");
        expects_continue_ = minor_ == 1 && has_body();
    }
    keep_alive_ = !fields_.lists("connection", "close") &&
                  (minor_ == 1 || fields_.lists("connection", "keep-alive"));
    return {};
}

bool RequestHead::has_body() const {
    return framing_.kind == Framing::Kind::chunked ||
           (framing_.kind == Framing::Kind::length && framing_.length > 0);
}

std::optional<std::string_view> RequestHead::query_value(std::string_view name) const {
    std::string_view rest = query_;
    while (!rest.empty()) {
        const std::size_t amp = rest.find('&');
        const std::string_view pair = rest.substr(0, amp);
        const std::size_t equals = pair.find('=');
        if (pair.substr(0, equals) == name)
            return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        rest = amp == std::string_view::npos ? std::string_view() : rest.substr(amp + 1);
    }
    return std::nullopt;
}

RequestHead::RequestHead(RequestHead&& other) noexcept { adopt(other); }

RequestHead& RequestHead::operator=(RequestHead&& other) noexcept {
    if (this != &other) adopt(other);
    return *this;
}

// A short string keeps its characters inside the object, so its views move with it.
void RequestHead::adopt(RequestHead& other) {
    const char* const from = other.bytes_.data();
    bytes_ = std::move(other.bytes_);
    const char* const to = bytes_.data();
    const auto moved = [&](std::string_view view) {
        return view.data() == nullptr ? view
                                      : std::string_view(to + (view.data() - from), view.size());
    };
    method_ = moved(other.method_);
    path_ = moved(other.path_);
    query_ = moved(other.query_);
    host_ = moved(other.host_);
    fields_ = std::move(other.fields_);
    if (from != to) fields_.rebase(from, to);
    framing_ = other.framing_;
    minor_ = other.minor_;
    keep_alive_ = other.keep_alive_;
    expects_continue_ = other.expects_continue_;
}

} // namespace weir::wire
