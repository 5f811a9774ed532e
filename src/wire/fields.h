#pragma once
// The header fields of one message, kept as they were sent, over bytes owned by the head that holds
// them. The grammar is RFC 9110 section 5 and RFC 9112 section 5, without its leniencies: no
// folding, no space before the colon, no bare CR or LF, no control bytes, names in ASCII.

#include "wire/fault.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::wire {

struct Field {
    std::string_view name;
    std::string_view value; // without white space around
};

class Fields {
public:
    // `lines` is every line after the start line, each ended by CRLF, without the empty one.
    // Errors: 400; 431 for too many.
    static Parsed<Fields> parse(std::string_view lines);

    // The first field of that name (case does not matter), or nullopt.
    std::optional<std::string_view> find(std::string_view name) const;
    std::size_t count(std::string_view name) const;
    // Whether a comma-separated list field (or any of its repetitions) holds `token`.
    bool lists(std::string_view name, std::string_view token) const;

    const std::vector<Field>& all() const { return fields_; }

private:
    friend class RequestHead;
    friend class ResponseHead;
    void rebase(const char* from, const char* to); // after the bytes were moved
    std::vector<Field> fields_;
};

// How long the body is (RFC 9112, section 6), after the rules against smuggling.
struct Framing {
    enum class Kind : std::uint8_t { none, length, chunked, until_close };
    Kind kind = Kind::none;
    std::uint64_t length = 0; // for Kind::length
};

// Content-Length and Transfer-Encoding, judged strictly: both, repeated, or anything but a lone
// `chunked` is a fault. `minor` is the HTTP/1 minor version.
Parsed<Framing> request_framing(const Fields& fields, int minor);

bool is_token(std::string_view text);     // RFC 9110, 5.6.2
bool has_control(std::string_view text);  // below 0x20 but a tab, or 0x7f
bool is_authority(std::string_view text); // uri-host [":" port], no user information

} // namespace weir::wire
