#include "http_request.h"

#include <charconv>
#include <optional>

namespace sim {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view text, std::string_view lower_case) {
    if (text.size() != lower_case.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (lower(text[i]) != lower_case[i]) return false;
    }
    return true;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::optional<std::size_t> number(std::string_view text, int base) {
    std::size_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (fault != std::errc() || end == text.data()) return std::nullopt;
    return value;
}

struct Head {
    std::size_t length = 0;
    bool malformed = false;
};

void read_field(std::string_view line, HttpRequest& request, Head& head) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        head.malformed = true;
        return;
    }
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (same(name, "content-length")) {
        const auto length = number(value, 10);
        head.malformed = !length || *length > most_body_bytes;
        head.length = length.value_or(0);
    } else if (same(name, "transfer-encoding")) {
        request.chunked = same(value, "chunked");
        head.malformed = !request.chunked;
    } else if (same(name, "authorization")) {
        if (value.size() > 7 && same(value.substr(0, 7), "bearer ")) {
            request.credential = trimmed(value.substr(7));
        }
    } else if (same(name, "x-api-key")) {
        if (request.credential.empty()) request.credential = value;
    } else if (same(name, "connection")) {
        if (same(value, "close")) request.keep_alive = false;
    } else if (same(name, "expect")) {
        request.expects_continue = same(value, "100-continue");
    }
}

Head read_head(std::string_view text, HttpRequest& request) {
    Head head;
    request.head = text;
    std::size_t end = text.find("\r\n");
    const std::string_view first = text.substr(0, end);
    const std::size_t space = first.find(' ');
    const std::size_t second = first.find(' ', space + 1);
    if (space == std::string_view::npos || second == std::string_view::npos) return {0, true};
    request.method = first.substr(0, space);
    request.path = first.substr(space + 1, second - space - 1);
    request.path = request.path.substr(0, request.path.find('?'));
    const std::string_view version = first.substr(second + 1);
    if (!version.starts_with("HTTP/1.")) return {0, true};
    request.keep_alive = version != "HTTP/1.0";
    while (end < text.size() && !head.malformed) {
        const std::size_t begin = end + 2;
        end = std::min(text.find("\r\n", begin), text.size());
        read_field(text.substr(begin, end - begin), request, head);
    }
    return head;
}

// Trailers are read over; they end with an empty line like a head.
ReadRequest read_chunks(std::string_view buffer, std::size_t at, HttpRequest& request) {
    request.unchunked_body.clear();
    for (;;) {
        const std::size_t line_end = buffer.find("\r\n", at);
        if (line_end == std::string_view::npos) return {};
        const auto size = number(buffer.substr(at, line_end - at), 16);
        if (!size || *size > most_body_bytes) return {Reading::malformed, 0};
        at = line_end + 2;
        if (*size == 0) {
            const std::size_t end = buffer.find("\r\n", at);
            if (end == std::string_view::npos) return {};
            if (end == at) return {Reading::complete, at + 2};
            const std::size_t last = buffer.find("\r\n\r\n", at);
            if (last == std::string_view::npos) return {};
            return {Reading::complete, last + 4};
        }
        if (buffer.size() < at + *size + 2) return {};
        request.unchunked_body.append(buffer.substr(at, *size));
        if (request.unchunked_body.size() > most_body_bytes) return {Reading::malformed, 0};
        at += *size + 2;
    }
}

} // namespace

ReadRequest read_request(std::string_view buffer, HttpRequest& request) {
    request = HttpRequest();
    const std::size_t head_end = buffer.find("\r\n\r\n");
    if (head_end == std::string_view::npos) {
        return {buffer.size() > most_head_bytes ? Reading::malformed : Reading::incomplete, 0};
    }
    const Head head = read_head(buffer.substr(0, head_end), request);
    if (head.malformed) return {Reading::malformed, 0};
    const std::size_t body = head_end + 4;
    if (request.chunked) return read_chunks(buffer, body, request);
    if (buffer.size() < body + head.length) return {};
    request.body = buffer.substr(body, head.length);
    return {Reading::complete, body + head.length};
}

} // namespace sim
