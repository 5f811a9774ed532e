#pragma once
// Appends JSON to a string. The caller opens and closes what it writes; commas come by themselves.
// Text must be UTF-8; what JSON requires to be escaped is escaped, and U+2028/2029 are left as they
// are (RFC 8259).

#include "base/ids.h"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::json {

// `text` as a JSON string, with its quotes.
void append_quoted(std::string& out, std::string_view text);

class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    Writer& begin_object();
    Writer& end_object();
    Writer& begin_array();
    Writer& end_array();
    Writer& key(std::string_view name);

    Writer& value(std::string_view text);
    Writer& value(const char* text) { return value(std::string_view(text)); }
    Writer& value(const std::string& text) { return value(std::string_view(text)); }
    Writer& value(std::int64_t number);
    Writer& value(std::uint64_t number);
    Writer& value(int number) { return value(static_cast<std::int64_t>(number)); }
    Writer& value(double number);
    Writer& boolean(std::same_as<bool> auto truth) { return raw(truth ? "true" : "false"); }
    Writer& null() { return raw("null"); }
    // A value that is JSON already.
    Writer& raw(std::string_view json);

    template <class T>
    Writer& member(std::string_view name, const T& v) {
        return key(name).value(v);
    }
    template <class T>
    Writer& member_or_null(std::string_view name, const std::optional<T>& v) {
        key(name);
        return v ? value(*v) : null();
    }

private:
    void separate();
    std::string& out_;
    bool first_ = true; // nothing precedes in the current container, or a key just did
};

} // namespace weir::json
