#include "json/document.h"

#include "base/limits.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <limits>
#include <simdjson.h>

namespace weir::json {

namespace ondemand = simdjson::ondemand;

std::string_view name(Kind kind) {
    switch (kind) {
    case Kind::null: return "null";
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::number: return "a number";
    case Kind::string: return "a string";
    case Kind::array: return "an array";
    case Kind::object: return "an object";
    }
    return "a value";
}

namespace {

std::string_view trim_right(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\r' ||
                             text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// RFC 8259, section 6: [-] int [frac] [exp], with no leading zero.
bool is_number(std::string_view text) {
    std::size_t i = 0;
    const auto digits = [&] {
        const std::size_t from = i;
        while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
        return i - from;
    };
    if (i < text.size() && text[i] == '-') ++i;
    const std::size_t start = i;
    if (digits() == 0 || (text[start] == '0' && i - start > 1)) return false;
    if (i < text.size() && text[i] == '.') {
        ++i;
        if (digits() == 0) return false;
    }
    if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
        ++i;
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        if (digits() == 0) return false;
    }
    return i == text.size();
}

// Requires: is_number(text). Infinite where the magnitude is too large; zero where it is too small.
double to_double(std::string_view text) {
    double value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc::result_out_of_range) return value;
    const std::size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos
                          ? text.substr(exponent + 1).starts_with('-')
                          : text.find('.') != std::string_view::npos;
    return tiny ? 0.0 : std::numeric_limits<double>::infinity();
}

ondemand::parser& thread_parser() {
    thread_local ondemand::parser parser;
    return parser;
}

std::vector<std::string_view>& thread_keys() {
    thread_local std::vector<std::string_view> keys;
    return keys;
}

} // namespace

// Walks one text into a Document. Throwing simdjson calls are not used: every result is asked for
// its error.
class Builder {
public:
    Builder(Document& document, const Limits& limits) : document_(document), limits_(limits) {}

    Result<void> build(std::string_view text) {
        size_ = text.size();
        const std::size_t room = text.size() + simdjson::SIMDJSON_PADDING;
        if (document_.room_ < room) {
            document_.source_ = std::make_unique_for_overwrite<char[]>(room);
            document_.room_ = room;
        }
        // An empty view may point nowhere, which memcpy does not take.
        if (!text.empty()) std::memcpy(document_.source_.get(), text.data(), text.size());
        std::memset(document_.source_.get() + text.size(), ' ', simdjson::SIMDJSON_PADDING);
        document_.nodes_.reserve(std::min<std::size_t>(text.size() / 64 + 8, 64));
        // A byte order mark is not JSON; simdjson would step over it.
        if (text.starts_with("\xef\xbb\xbf")) return fault("it begins with a byte order mark");

        ondemand::document parsed;
        if (const auto error =
                thread_parser().iterate(document_.source_.get(), text.size(), room).get(parsed);
            error != simdjson::SUCCESS)
            return fault(describe(error));
        ondemand::value root;
        if (const auto error = parsed.get_value().get(root);
            error == simdjson::SCALAR_DOCUMENT_AS_VALUE)
            return fault("an object or an array is expected");
        else if (error != simdjson::SUCCESS) return fault(describe(error));
        WEIR_CHECK(walk(root, {}, 0, 1));
        // Past the last token there is no location to ask for.
        if (parsed.current_location().error() == simdjson::SUCCESS)
            return fault("there is something after its end");
        return {};
    }

private:
    static std::unexpected<Error> fault(std::string_view why) {
        return refuse(Errc::invalid_json, fmt::format("The text is not valid JSON: {}.", why));
    }

    static std::string_view describe(simdjson::error_code error) {
        switch (error) {
        case simdjson::UTF8_ERROR: return "it is not UTF-8";
        case simdjson::EMPTY: return "it is empty";
        case simdjson::UNCLOSED_STRING: return "a string does not end";
        case simdjson::UNESCAPED_CHARS: return "a string holds a bare control character";
        case simdjson::STRING_ERROR: return "a string holds a bad escape";
        case simdjson::CAPACITY:
        case simdjson::MEMALLOC: return "it is too large";
        case simdjson::DEPTH_ERROR: return "it is nested too deeply";
        case simdjson::INCOMPLETE_ARRAY_OR_OBJECT: return "an object or array does not end";
        default: return "it is malformed";
        }
    }

    // Appends the value as a node (index = position), then its children.
    Result<std::uint32_t> walk(ondemand::value value, std::string_view key, std::uint32_t parent,
                               std::size_t depth) {
        if (depth > limits_.depth) return fault("it is nested too deeply");
        if (document_.nodes_.size() >= limits_.values) return fault("it holds too many values");
        const auto index = static_cast<std::uint32_t>(document_.nodes_.size());
        auto& node = document_.nodes_.emplace_back();
        node.key = key;
        node.parent = parent;

        ondemand::json_type type{};
        if (const auto error = value.type().get(type); error != simdjson::SUCCESS)
            return fault(describe(error));
        switch (type) {
        case ondemand::json_type::object: WEIR_CHECK(walk_object(value, index, depth)); break;
        case ondemand::json_type::array: WEIR_CHECK(walk_array(value, index, depth)); break;
        default: WEIR_CHECK(read_scalar(value, type, index)); break;
        }
        return index;
    }

    Result<void> walk_object(ondemand::value& value, std::uint32_t index, std::size_t depth) {
        const char* const begin = value.raw_json_token().data();
        ondemand::object object;
        if (const auto error = value.get_object().get(object); error != simdjson::SUCCESS)
            return fault(describe(error));
        std::uint32_t last = 0;
        for (auto field : object) {
            ondemand::field member;
            if (const auto error = std::move(field).get(member); error != simdjson::SUCCESS)
                return fault(describe(error));
            WEIR_TRY(const std::string_view key, member_key(member));
            if (document_.nodes_[index].count >= limits_.keys_per_object)
                return fault("an object holds too many keys");
            WEIR_TRY(const std::uint32_t child, walk(member.value(), key, index, depth + 1));
            link(index, last, child);
        }
        WEIR_CHECK(refuse_duplicates(index));
        return close(value, index, begin, Kind::object);
    }

    Result<void> walk_array(ondemand::value& value, std::uint32_t index, std::size_t depth) {
        const char* const begin = value.raw_json_token().data();
        ondemand::array array;
        if (const auto error = value.get_array().get(array); error != simdjson::SUCCESS)
            return fault(describe(error));
        std::uint32_t last = 0;
        for (auto element : array) {
            ondemand::value item;
            if (const auto error = std::move(element).get(item); error != simdjson::SUCCESS)
                return fault(describe(error));
            WEIR_TRY(const std::uint32_t child, walk(item, {}, index, depth + 1));
            link(index, last, child);
        }
        return close(value, index, begin, Kind::array);
    }

    // The container's raw slice. The scanner stands at the token after it; only white space lies
    // between.
    Result<void> close(ondemand::value& value, std::uint32_t index, const char* begin, Kind kind) {
        const char* end = nullptr;
        if (value.current_location().get(end) != simdjson::SUCCESS)
            end = document_.source_.get() + size_;
        auto& node = document_.nodes_[index];
        node.kind = kind;
        node.raw = trim_right({begin, static_cast<std::size_t>(end - begin)});
        return {};
    }

    void link(std::uint32_t parent, std::uint32_t& last, std::uint32_t child) {
        if (last == 0) document_.nodes_[parent].first = child;
        else document_.nodes_[last].next = child;
        last = child;
        ++document_.nodes_[parent].count;
    }

    // Sorted above a handful of keys: a hash table could be flooded.
    Result<void> refuse_duplicates(std::uint32_t index) {
        keys_.clear();
        keys_.reserve(std::max<std::size_t>(document_.nodes_[index].count, 16));
        for (std::uint32_t child = document_.nodes_[index].first; child != 0;
             child = document_.nodes_[child].next)
            keys_.push_back(document_.nodes_[child].key);
        if (keys_.size() <= 12) {
            for (std::size_t i = 1; i < keys_.size(); ++i)
                for (std::size_t k = 0; k < i; ++k)
                    if (keys_[i] == keys_[k]) return twice(keys_[i]);
            return {};
        }
        std::ranges::sort(keys_);
        const auto again = std::ranges::adjacent_find(keys_);
        if (again != keys_.end()) return twice(*again);
        return {};
    }

    static std::unexpected<Error> twice(std::string_view key) {
        return fault(fmt::format("the key '{}' stands twice in one object",
                                 clip(key, limits::echoed_bytes)));
    }

    Result<std::string_view> member_key(ondemand::field& member) {
        const char* const raw = member.key().raw();
        std::string_view key;
        if (const auto error = member.unescaped_key().get(key); error != simdjson::SUCCESS)
            return fault(describe(error));
        if (raw[key.size()] == '"' && std::memcmp(raw, key.data(), key.size()) == 0)
            return std::string_view(raw, key.size());
        return keep(key);
    }

    // A string that had escapes lives in the parser's buffer; the document needs its own copy.
    Result<std::string_view> keep(std::string_view text) {
        if (!is_utf8(text)) return fault("a string holds half of a surrogate pair");
        auto& room = document_.unescaped_.emplace_back(std::make_unique<char[]>(text.size() + 1));
        std::memcpy(room.get(), text.data(), text.size());
        return std::string_view(room.get(), text.size());
    }

    Result<void> read_scalar(ondemand::value& value, ondemand::json_type type,
                             std::uint32_t index) {
        const std::string_view raw = trim_right(value.raw_json_token());
        document_.nodes_[index].raw = raw;
        switch (type) {
        case ondemand::json_type::string: return read_string(value, raw, index);
        case ondemand::json_type::number: return read_number(raw, index);
        case ondemand::json_type::boolean:
            if (raw != "true" && raw != "false") return fault("a word is neither true nor false");
            document_.nodes_[index].kind = Kind::boolean;
            return {};
        default:
            if (raw != "null") return fault("a word is not null");
            return {};
        }
    }

    Result<void> read_string(ondemand::value& value, std::string_view raw, std::uint32_t index) {
        std::string_view text;
        if (const auto error = value.get_string().get(text); error != simdjson::SUCCESS)
            return fault(describe(error));
        document_.nodes_[index].kind = Kind::string;
        if (text.size() + 2 == raw.size()) {
            document_.nodes_[index].text = raw.substr(1, text.size());
            return {};
        }
        WEIR_TRY(document_.nodes_[index].text, keep(text));
        return {};
    }

    Result<void> read_number(std::string_view raw, std::uint32_t index) {
        if (!is_number(raw)) return fault("a number is malformed");
        auto& node = document_.nodes_[index];
        std::int64_t whole = 0;
        const auto [end, wrong] = std::from_chars(raw.data(), raw.data() + raw.size(), whole);
        if (wrong == std::errc() && end == raw.data() + raw.size()) {
            node.kind = Kind::integer;
            return {};
        }
        node.kind = Kind::number;
        if (!std::isfinite(to_double(raw))) return fault("a number is too large");
        return {};
    }

    Document& document_;
    const Limits& limits_;
    std::vector<std::string_view>& keys_ = thread_keys();
    std::size_t size_ = 0;
};

namespace {

bool is_container(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos || text[first] == '{' || text[first] == '[';
}

} // namespace

Result<Document> Document::parse(std::string_view text, const Limits& limits) {
    // A lone scalar is JSON too: read as the one element of an array, which then is taken off
    // again.
    if (!is_container(text)) {
        WEIR_TRY(Document wrapped, parse("[" + std::string(text) + "]", limits));
        if (wrapped.root().size() != 1)
            return refuse(Errc::invalid_json, "The text is not valid JSON: it is malformed.");
        wrapped.nodes_.erase(wrapped.nodes_.begin());
        return wrapped;
    }
    Document document;
    // Grown in the thread's own vector, then copied at its exact size: nothing is reserved that is
    // not used.
    thread_local std::vector<Node> growing;
    growing.clear();
    document.nodes_.swap(growing);
    const auto built = Builder(document, limits).build(text);
    document.nodes_.swap(growing);
    if (!built) return std::unexpected(built.error());
    document.nodes_ = growing;
    // One huge text does not stay with the thread.
    if (growing.capacity() > 16'384) std::vector<Node>().swap(growing);
    return document;
}

namespace {

constexpr Limits usual{.depth = limits::json_depth,
                       .values = limits::json_values,
                       .keys_per_object = limits::json_keys_per_object};
constexpr std::size_t kept_bytes = 64 * 1024; // what a Reader keeps for the next text

} // namespace

Result<Document> Document::parse(std::string_view text) { return parse(text, usual); }

Result<Value> Reader::read(std::string_view text) {
    if (document_.room_ > kept_bytes) document_ = Document();
    document_.nodes_.clear();
    document_.unescaped_.clear();
    WEIR_CHECK(Builder(document_, usual).build(text));
    return document_.root();
}

Kind Value::kind() const { return document_->nodes_[index_].kind; }
std::string_view Value::raw() const { return document_->nodes_[index_].raw; }
std::string_view Value::text() const { return document_->nodes_[index_].text; }
std::string_view Value::key() const { return document_->nodes_[index_].key; }
bool Value::boolean() const { return raw() == "true"; }
double Value::number() const { return to_double(raw()); }
std::size_t Value::size() const { return document_->nodes_[index_].count; }

std::int64_t Value::integer() const {
    std::int64_t whole = 0;
    std::from_chars(raw().data(), raw().data() + raw().size(), whole);
    return whole;
}

std::optional<Value> Value::find(std::string_view wanted) const {
    if (kind() != Kind::object) return std::nullopt;
    for (const Value member : *this)
        if (member.key() == wanted) return member;
    return std::nullopt;
}

Value::Iterator Value::begin() const {
    return Iterator(document_, document_->nodes_[index_].first);
}

Value::Iterator& Value::Iterator::operator++() {
    index_ = document_->nodes_[index_].next;
    return *this;
}

std::string Value::path() const {
    if (index_ == 0) return {};
    const auto& nodes = document_->nodes_;
    const std::uint32_t parent = nodes[index_].parent;
    std::string out = Value(document_, parent).path();
    if (nodes[parent].kind == Kind::object) {
        if (!out.empty()) out.push_back('.');
        return out + clip(key(), limits::echoed_bytes);
    }
    std::size_t position = 0;
    for (std::uint32_t sibling = nodes[parent].first; sibling != index_;
         sibling = nodes[sibling].next)
        ++position;
    return out + fmt::format("[{}]", position);
}

} // namespace weir::json
