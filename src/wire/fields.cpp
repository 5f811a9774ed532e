#include "wire/fields.h"

#include "base/limits.h"
#include "base/text.h"

#include <array>

namespace weir::wire {
namespace {

constexpr std::array<bool, 256> make_token_table() {
    std::array<bool, 256> table{};
    for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        table[static_cast<unsigned char>(c)] = true;
    return table;
}
constexpr auto token_table = make_token_table();

Parsed<Field> parse_line(std::string_view line) {
    if (line.starts_with(' ') || line.starts_with('\t'))
        return malformed("a header line is folded");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return malformed("a header line has no colon");
    const std::string_view field = line.substr(0, colon);
    if (!is_token(field)) return malformed("a header name holds a byte that is not allowed");
    const std::string_view value = trim(line.substr(colon + 1));
    if (has_control(value)) return malformed("a header value holds a control byte");
    return Field{field, value};
}

// What real host names and IPv4 addresses are made of. RFC 3986 would also have sub-delimiters and
// percent encoding, but nobody names a host so, and readers disagree about what they mean.
bool is_host_name(std::string_view text) {
    return text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~") == std::string_view::npos;
}

} // namespace

bool has_control(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return true;
    }
    return false;
}

bool is_token(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text)
        if (!token_table[static_cast<unsigned char>(c)]) return false;
    return true;
}

bool is_authority(std::string_view text) {
    std::string_view host = text;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return false;
        host = text.substr(1, close - 1);
        if (host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos)
            return false;
        text.remove_prefix(close + 1);
    } else {
        const std::size_t colon = text.find(':');
        host = text.substr(0, colon);
        text = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
        if (!is_host_name(host)) return false;
    }
    if (host.empty()) return false;
    if (text.empty()) return true;
    const auto port = parse_decimal(text.substr(1));
    return text.front() == ':' && port && *port <= 65535;
}

Parsed<Fields> Fields::parse(std::string_view lines) {
    Fields out;
    out.fields_.reserve(12);
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        if (end == std::string_view::npos || end == 0 || lines[end - 1] != '\r')
            return malformed("a line does not end with CRLF");
        auto field = parse_line(lines.substr(0, end - 1));
        if (!field) return std::unexpected(field.error());
        if (out.fields_.size() == limits::header_count)
            return std::unexpected(Fault{431, "there are too many header lines"});
        out.fields_.push_back(*field);
        lines.remove_prefix(end + 1);
    }
    return out;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
    for (const Field& field : fields_)
        if (equal_ignoring_case(field.name, name)) return field.value;
    return std::nullopt;
}

std::size_t Fields::count(std::string_view name) const {
    std::size_t n = 0;
    for (const Field& field : fields_) n += equal_ignoring_case(field.name, name) ? 1 : 0;
    return n;
}

bool Fields::lists(std::string_view name, std::string_view token) const {
    for (const Field& field : fields_) {
        if (!equal_ignoring_case(field.name, name)) continue;
        std::string_view rest = field.value;
        while (!rest.empty()) {
            const std::size_t comma = rest.find(',');
            if (equal_ignoring_case(trim(rest.substr(0, comma)), token)) return true;
            rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
        }
    }
    return false;
}

void Fields::rebase(const char* from, const char* to) {
    for (Field& field : fields_) {
        field.name = {to + (field.name.data() - from), field.name.size()};
        field.value = {to + (field.value.data() - from), field.value.size()};
    }
}

Parsed<Framing> request_framing(const Fields& fields, int minor) {
    const std::size_t lengths = fields.count("content-length");
    const std::size_t codings = fields.count("transfer-encoding");
    if (codings > 0) {
        if (minor == 0) return malformed("HTTP/1.0 has no Transfer-Encoding");
        if (lengths > 0) return malformed("Content-Length and Transfer-Encoding are both there");
        if (codings > 1) return malformed("Transfer-Encoding is there twice");
        if (!equal_ignoring_case(*fields.find("transfer-encoding"), "chunked"))
            return std::unexpected(Fault{501, "the only transfer coding known is chunked"});
        return Framing{Framing::Kind::chunked, 0};
    }
    if (lengths == 0) return Framing{};
    if (lengths > 1) return malformed("Content-Length is there twice");
    const auto length = parse_decimal(*fields.find("content-length"));
    if (!length) return malformed("Content-Length is not a number");
    return Framing{Framing::Kind::length, *length};
}

} // namespace weir::wire
