#include "wire/head_writer.h"

#include "base/text.h"

#include <array>
#include <charconv>

namespace weir::wire {

std::string_view reason_phrase(int status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Status";
    }
}

HeadWriter HeadWriter::response(std::string& out, int status) {
    out += "HTTP/1.1 ";
    append_decimal(out, status);
    out.push_back(' ');
    out += reason_phrase(status);
    out += "\r\n";
    return HeadWriter(out);
}

HeadWriter HeadWriter::request(std::string& out, std::string_view method, std::string_view target,
                               std::string_view host) {
    out += method;
    out.push_back(' ');
    out += target;
    out += " HTTP/1.1\r\n";
    HeadWriter writer(out);
    writer.field("host", host);
    return writer;
}

HeadWriter& HeadWriter::field(std::string_view name, std::string_view value) {
    for (const char c : value)
        if (c == '\r' || c == '\n' || c == '\0') return *this;
    out_ += name;
    out_ += ": ";
    out_ += value;
    out_ += "\r\n";
    return *this;
}

HeadWriter& HeadWriter::field(std::string_view name, std::uint64_t value) {
    std::array<char, 24> digits;
    const auto [end, fault] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    return field(name,
                 std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void HeadWriter::end() { out_ += "\r\n"; }

void append_chunk(std::string& out, std::string_view data) {
    std::array<char, 20> digits;
    const auto [end, fault] =
        std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16);
    out.reserve(out.size() + data.size() + digits.size() + 4);
    out.append(digits.data(), end);
    out += "\r\n";
    out += data;
    out += "\r\n";
}

} // namespace weir::wire
