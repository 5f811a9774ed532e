#pragma once
// A JSON text, validated whole and laid out as a flat list of nodes over the original bytes. Every
// value is walked, known or not: grammar, numbers, UTF-8, escapes, depth, counts and duplicate keys
// (RFC 8259; the strictness of RFC 8785 on duplicates). simdjson's On-Demand front end does the
// scanning; it does not look at what is skipped, so nothing is skipped. Nodes and raw slices point
// into the document's own copy of the text and live as long as it does; moving the document keeps
// them valid.
// Thread: one at a time; parse() uses a parser that belongs to the calling thread.

#include "base/error.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::json {

enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };
std::string_view name(Kind kind); // with its article: "an object"

class Document;

// One value. Cheap to copy; valid while its Document lives.
class Value {
public:
    Kind kind() const;
    bool is(Kind wanted) const { return kind() == wanted; }
    bool is_null() const { return kind() == Kind::null; }

    std::string_view raw() const;  // the bytes as they were sent, without white space around
    std::string_view text() const; // a string's characters, escapes undone
    std::string_view key() const;  // the name under which an object holds this value
    std::int64_t integer() const;  // Requires: kind integer
    double number() const;         // Requires: kind integer or number
    bool boolean() const;          // Requires: kind boolean

    // A member of an object, or nullopt.
    std::optional<Value> find(std::string_view key) const;
    std::size_t size() const; // members or elements
    // "messages[2].content", for error messages; walks up, so only for errors.
    std::string path() const;

    class Iterator;
    Iterator begin() const; // members or elements, in document order
    Iterator end() const;

private:
    friend class Document;
    Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_;
};

struct Limits {
    std::size_t depth;
    std::size_t values;
    std::size_t keys_per_object;
};

class Document {
public:
    // Errors: invalid_json, with a message that says what and where.
    static Result<Document> parse(std::string_view text, const Limits& limits);
    // With the limits of base/limits.h.
    static Result<Document> parse(std::string_view text);

    Document(Document&&) noexcept = default;
    Document& operator=(Document&&) noexcept = default;

    Value root() const { return Value(this, 0); }
    // Gives the nodes back and keeps the text: slices and strings taken before stay valid, Values
    // do not.
    void forget_values() { std::vector<Node>().swap(nodes_); }

private:
    friend class Value;
    friend class Builder;
    friend class Reader;
    struct Node {
        std::string_view raw;
        std::string_view text; // of a string; empty else
        std::string_view key;
        std::uint32_t parent = 0;
        std::uint32_t next = 0;  // the following sibling, or 0
        std::uint32_t first = 0; // the first child, or 0
        std::uint32_t count = 0;
        Kind kind = Kind::null;
    };

    Document() = default;
    std::unique_ptr<char[]> source_;
    std::size_t room_ = 0;                           // bytes at source_
    std::vector<std::unique_ptr<char[]>> unescaped_; // strings that had escapes
    std::vector<Node> nodes_;
};

// Reads one small text after another in the same memory, with the limits of base/limits.h.
class Reader {
public:
    // The root; it and all below it are gone at the next read(). Errors: as Document::parse.
    Result<Value> read(std::string_view text);

private:
    Document document_;
};

class Value::Iterator {
public:
    Value operator*() const { return Value(document_, index_); }
    Iterator& operator++();
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

private:
    friend class Value;
    Iterator(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_; // 0 is the end: the root is nobody's child
};

inline Value::Iterator Value::end() const { return Iterator(document_, 0); }

} // namespace weir::json
