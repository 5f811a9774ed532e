#include "filter/pattern.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::filter {
namespace {

constexpr std::size_t pattern_bytes_max = 1024;
constexpr std::size_t steps_max = 8192;
constexpr std::size_t repeats_max = 2000;
constexpr int depth_max = 32;

using Bytes = Pattern::Bytes;

bool is_word(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

Bytes range(unsigned char from, unsigned char to) {
    Bytes out;
    for (unsigned i = from; i <= to; ++i) out.set(i);
    return out;
}

Bytes class_of(char letter) {
    Bytes out;
    switch (letter | 0x20) {
    case 'd': out = range('0', '9'); break;
    case 'w':
        out = range('0', '9') | range('a', 'z') | range('A', 'Z');
        out.set('_');
        break;
    default:
        for (const char c : std::string_view(" \t\n\r\f\v")) out.set(static_cast<unsigned char>(c));
    }
    return letter >= 'a' ? out : ~out;
}

std::string written(const Bytes& bytes) {
    std::string out = "[";
    for (unsigned i = 0; i < 256; ++i) {
        if (!bytes[i]) continue;
        unsigned last = i;
        while (last + 1 < 256 && bytes[last + 1]) ++last;
        out += fmt::format("\\x{:02x}", i);
        if (last > i) out += fmt::format("-\\x{:02x}", last);
        i = last;
    }
    return out + "]";
}

} // namespace

struct Pattern::Node {
    enum class Kind : std::uint8_t { bytes, assertion, sequence, either, repeat } kind;
    Bytes bytes{};
    char letter = 0;
    std::vector<Node> children{};
    std::size_t least = 0;
    std::optional<std::size_t> most{};

    std::string expression() const {
        switch (kind) {
        case Kind::bytes: return written(bytes);
        case Kind::assertion: return std::string("\\") + letter;
        case Kind::repeat: {
            const std::string inner = "(?:" + children[0].expression() + ")";
            if (!most) return inner + fmt::format("{{{},}}", least);
            return inner + fmt::format("{{{},{}}}", least, *most);
        }
        case Kind::sequence:
        case Kind::either: break;
        }
        std::string out;
        for (const Node& child : children) {
            if (kind == Kind::either && !out.empty()) out += "|";
            out += child.expression();
        }
        return kind == Kind::either ? "(?:" + out + ")" : out;
    }

    std::size_t shortest() const {
        switch (kind) {
        case Kind::bytes: return 1;
        case Kind::assertion: return 0;
        case Kind::repeat: return least * children[0].shortest();
        case Kind::sequence: {
            std::size_t sum = 0;
            for (const Node& child : children) sum += child.shortest();
            return sum;
        }
        case Kind::either: break;
        }
        std::size_t best = SIZE_MAX;
        for (const Node& child : children) best = std::min(best, child.shortest());
        return best;
    }

    std::optional<std::size_t> longest() const {
        if (kind == Kind::bytes) return 1;
        if (kind == Kind::assertion) return 0;
        std::size_t out = 0;
        for (const Node& child : children) {
            const auto one = child.longest();
            if (!one) return std::nullopt;
            out = kind == Kind::either ? std::max(out, *one) : out + *one;
        }
        if (kind != Kind::repeat) return out;
        if (!most) return out == 0 ? std::optional<std::size_t>(0) : std::nullopt;
        return out * *most;
    }
};

// Appends the steps of nodes.
class Pattern::Program {
public:
    explicit Program(Pattern& out) : out_(out) {}

    bool add(const Node& node) {
        if (out_.steps_.size() > steps_max) return false;
        switch (node.kind) {
        case Node::Kind::bytes: return add_bytes(node.bytes);
        case Node::Kind::assertion:
            push({Kind::assertion, static_cast<std::uint16_t>(node.letter), at(1), 0});
            return true;
        case Node::Kind::sequence:
            return std::ranges::all_of(node.children,
                                       [&](const Node& child) { return add(child); });
        case Node::Kind::either: return add_either(node);
        case Node::Kind::repeat: return add_repeat(node);
        }
        return false;
    }
    void push(Step step) { out_.steps_.push_back(step); }

private:
    std::uint16_t at(std::size_t further) const {
        return static_cast<std::uint16_t>(out_.steps_.size() + further);
    }
    bool add_bytes(const Bytes& bytes) {
        const auto found = std::ranges::find(out_.sets_, bytes);
        const auto index = static_cast<std::uint16_t>(found - out_.sets_.begin());
        if (found == out_.sets_.end()) out_.sets_.push_back(bytes);
        push({Kind::byte, index, at(1), 0});
        return true;
    }
    bool add_either(const Node& node) {
        std::vector<std::size_t> ends;
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            const std::size_t split = out_.steps_.size();
            const bool last = i + 1 == node.children.size();
            if (!last) push({Kind::split, 0, at(1), 0});
            if (!add(node.children[i])) return false;
            if (last) break;
            ends.push_back(out_.steps_.size());
            push({Kind::jump, 0, 0, 0});
            out_.steps_[split].other = at(0);
        }
        for (const std::size_t end : ends) out_.steps_[end].next = at(0);
        return true;
    }
    bool add_repeat(const Node& node) {
        for (std::size_t i = 0; i < node.least; ++i)
            if (!add(node.children[0])) return false;
        if (!node.most) {
            const std::size_t split = out_.steps_.size();
            push({Kind::split, 0, at(1), 0});
            if (!add(node.children[0])) return false;
            push({Kind::jump, 0, static_cast<std::uint16_t>(split), 0});
            out_.steps_[split].other = at(0);
            return true;
        }
        std::vector<std::size_t> splits;
        for (std::size_t i = node.least; i < *node.most; ++i) {
            splits.push_back(out_.steps_.size());
            push({Kind::split, 0, at(1), 0});
            if (!add(node.children[0])) return false;
        }
        for (const std::size_t split : splits) out_.steps_[split].other = at(0);
        return true;
    }
    Pattern& out_;
};

class PatternReader {
public:
    using Node = Pattern::Node;
    explicit PatternReader(std::string_view text) : text_(text) {}

    Result<Pattern> read() {
        if (text_.size() > pattern_bytes_max) return wrong("it is longer than 1024 bytes");
        if (text_.starts_with("(?i)")) {
            caseless_ = true;
            at_ = 4;
        }
        WEIR_TRY(Node root, either(0));
        if (at_ < text_.size()) return wrong("an unexpected ')'");
        if (root.shortest() == 0) return wrong("it matches an empty text");
        Pattern out;
        Pattern::Program program(out);
        if (!program.add(root) || out.steps_.size() >= steps_max)
            return wrong("it is too large: count less far");
        program.push({Pattern::Kind::match, 0, 0, 0});
        out.expression_ = root.expression();
        out.width_ = root.longest();
        out.first_ = firsts(out);
        return out;
    }

private:
    std::unexpected<Error> wrong(std::string_view what) const {
        return refuse(Errc::invalid_value, fmt::format("at byte {}: {}", at_ + 1, what));
    }
    bool more() const { return at_ < text_.size(); }
    bool next_is(char c) const { return more() && text_[at_] == c; }

    Result<Node> either(int depth) {
        if (depth > depth_max) return wrong("groups are nested too deeply");
        Node out{.kind = Node::Kind::either};
        while (true) {
            WEIR_TRY(Node one, sequence(depth));
            out.children.push_back(std::move(one));
            if (!next_is('|')) break;
            ++at_;
        }
        if (out.children.size() == 1) return std::move(out.children[0]);
        return out;
    }

    Result<Node> sequence(int depth) {
        Node out{.kind = Node::Kind::sequence};
        while (more() && text_[at_] != '|' && text_[at_] != ')') {
            WEIR_TRY(Node one, atom(depth));
            WEIR_TRY(Node repeated, counted(std::move(one)));
            out.children.push_back(std::move(repeated));
        }
        return out;
    }

    Result<Node> atom(int depth) {
        const char c = text_[at_];
        if (c == '(') {
            ++at_;
            if (text_.substr(at_).starts_with("?:")) at_ += 2;
            else if (next_is('?')) return wrong("of the groups with '(?' only '(?:' is understood");
            WEIR_TRY(Node inner, either(depth + 1));
            if (!next_is(')')) return wrong("a ')' is missing");
            ++at_;
            return inner;
        }
        if (c == '[') return set();
        if (c == '\\') return escape();
        if (c == '*' || c == '+' || c == '?' || c == '{') return wrong("nothing to repeat");
        ++at_;
        if (c == '^') return assertion('A');
        if (c == '$') return assertion('z');
        if (c == '.') {
            Bytes any = ~Bytes();
            any.reset('\n');
            return bytes(any);
        }
        return bytes(one(c));
    }

    static Node assertion(char letter) { return {.kind = Node::Kind::assertion, .letter = letter}; }
    Node bytes(Bytes set) const {
        if (caseless_)
            for (unsigned i = 'a'; i <= 'z'; ++i)
                if (set[i] || set[i - 0x20]) set.set(i).set(i - 0x20);
        return {.kind = Node::Kind::bytes, .bytes = set};
    }
    static Bytes one(char c) {
        Bytes out;
        return out.set(static_cast<unsigned char>(c));
    }

    // After a backslash: the set that it stands for.
    Result<Bytes> escaped_set() {
        if (++at_ >= text_.size()) return wrong("a backslash at the end");
        const char c = text_[at_++];
        if (std::string_view("dDwWsS").contains(c)) return class_of(c);
        if (c == 'n') return one('\n');
        if (c == 't') return one('\t');
        if (c == 'r') return one('\r');
        if (c == 'x') {
            unsigned value = 0;
            for (int i = 0; i < 2; ++i, ++at_) {
                const char digit = more() ? text_[at_] : ' ';
                const char low = static_cast<char>(digit | 0x20);
                if (digit >= '0' && digit <= '9') value = value * 16 + unsigned(digit - '0');
                else if (low >= 'a' && low <= 'f') value = value * 16 + unsigned(low - 'a') + 10;
                else return wrong("'\\x' needs two hexadecimal digits");
            }
            return one(static_cast<char>(value));
        }
        if (is_word(c)) return wrong(fmt::format("'\\{}' is not understood", c));
        return one(c);
    }

    Result<Node> escape() {
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
        if (std::string_view("bBAz").contains(c)) {
            at_ += 2;
            return assertion(c);
        }
        WEIR_TRY(const Bytes set, escaped_set());
        return bytes(set);
    }

    Result<Node> set() {
        ++at_;
        const bool negated = next_is('^');
        if (negated) ++at_;
        Bytes out;
        for (bool first = true; first || !next_is(']'); first = false) {
            if (!more()) return wrong("a ']' is missing");
            const bool is_class = next_is('\\') && at_ + 1 < text_.size() &&
                                  std::string_view("dDwWsS").contains(text_[at_ + 1]);
            WEIR_TRY(const Bytes from, member());
            out |= from;
            const bool ranges =
                !is_class && next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
            if (!ranges) continue;
            ++at_;
            WEIR_TRY(const Bytes to, member());
            const std::size_t low = from._Find_first();
            const std::size_t high = to._Find_first();
            if (to.count() != 1 || low > high) return wrong("a range that is none");
            out |= range(static_cast<unsigned char>(low), static_cast<unsigned char>(high));
        }
        ++at_;
        Node made = bytes(out);
        if (negated) made.bytes = ~made.bytes;
        if (made.bytes.none()) return wrong("a class of nothing");
        return made;
    }
    Result<Bytes> member() {
        if (next_is('\\')) return escaped_set();
        if (static_cast<unsigned char>(text_[at_]) >= 0x80)
            return wrong("a class holds ASCII alone; write (?:ä|ö)");
        return one(text_[at_++]);
    }

    Result<Node> counted(Node node) {
        while (more()) {
            const char c = text_[at_];
            Node out{.kind = Node::Kind::repeat};
            if (!std::string_view("*+?{").contains(c)) break;
            if (c == '+') out.least = 1;
            if (c == '?') out.most = 1;
            if (c != '{') ++at_;
            else if (auto counts = bounds(out); !counts) return std::unexpected(counts.error());
            if (next_is('?') || next_is('+'))
                return wrong("lazy and greedy counts are the same "
                             "here: leave the mark out");
            if (node.kind == Node::Kind::assertion) return wrong("nothing to repeat");
            if (node.shortest() == 0) return wrong("a repetition of what may be empty");
            out.children.push_back(std::move(node));
            node = std::move(out);
        }
        return node;
    }
    Result<void> bounds(Node& out) {
        ++at_;
        const auto number = [&]() -> std::optional<std::size_t> {
            std::size_t value = 0;
            const std::size_t begin = at_;
            for (; more() && text_[at_] >= '0' && text_[at_] <= '9' && value <= repeats_max; ++at_)
                value = value * 10 + static_cast<std::size_t>(text_[at_] - '0');
            return at_ == begin ? std::nullopt : std::optional(value);
        };
        const auto least = number();
        if (!least) return wrong("a count such as {2,5} is expected");
        out.least = *least;
        out.most = *least;
        if (next_is(',')) {
            ++at_;
            out.most = number();
        }
        if (!next_is('}')) return wrong("a '}' is missing");
        ++at_;
        if (out.least > repeats_max ||
            (out.most && (*out.most > repeats_max || *out.most == 0 || *out.most < out.least)))
            return wrong("counts go from 0 to 2000, the lower one first");
        return {};
    }

    // By following every way that reads nothing: assertions are taken to hold.
    static Bytes firsts(const Pattern& pattern) {
        Bytes out;
        std::vector<bool> seen(pattern.steps_.size());
        std::vector<std::uint16_t> open{0};
        while (!open.empty()) {
            const std::uint16_t step = open.back();
            open.pop_back();
            if (seen[step]) continue;
            seen[step] = true;
            const Pattern::Step& here = pattern.steps_[step];
            if (here.kind == Pattern::Kind::byte) out |= pattern.sets_[here.bytes];
            else if (here.kind != Pattern::Kind::match) open.push_back(here.next);
            if (here.kind == Pattern::Kind::split) open.push_back(here.other);
        }
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    bool caseless_ = false;
};

Result<Pattern> Pattern::parse(std::string_view text) { return PatternReader(text).read(); }

// Adds the steps that read a byte and can be reached from `step` without reading one; says whether
// the end can be, too.
bool Pattern::follow(std::string_view text, std::size_t at, std::uint16_t step,
                     std::vector<std::uint16_t>& threads, std::vector<bool>& there) const {
    bool matched = false;
    thread_local std::vector<std::uint16_t> open;
    open.assign(1, step);
    while (!open.empty()) {
        const std::uint16_t index = open.back();
        open.pop_back();
        if (there[index]) continue;
        there[index] = true;
        const Step& here = steps_[index];
        if (here.kind == Kind::byte) {
            threads.push_back(index);
            continue;
        }
        if (here.kind == Kind::match) {
            matched = true;
            continue;
        }
        if (here.kind == Kind::assertion) {
            const bool before = at > 0 && is_word(text[at - 1]);
            const bool after = at < text.size() && is_word(text[at]);
            const bool holds = here.bytes == 'b'   ? before != after
                               : here.bytes == 'B' ? before == after
                               : here.bytes == 'A' ? at == 0
                                                   : at == text.size();
            if (!holds) continue;
        }
        open.push_back(here.next);
        if (here.kind == Kind::split) open.push_back(here.other);
    }
    return matched;
}

std::optional<std::size_t> Pattern::longest(std::string_view text, std::size_t begin,
                                            std::int64_t& budget) const {
    if (begin >= text.size() || !first_[static_cast<unsigned char>(text[begin])])
        return std::nullopt;
    budget -= 16; // for what it takes to begin
    thread_local std::vector<std::uint16_t> now;
    thread_local std::vector<std::uint16_t> next;
    thread_local std::vector<bool> there;
    now.clear();
    std::optional<std::size_t> found;
    there.assign(steps_.size(), false);
    (void)follow(text, begin, 0, now, there);
    for (std::size_t at = begin; !now.empty() && at < text.size(); ++at) {
        budget -= static_cast<std::int64_t>(now.size() + steps_.size() / 64 + 1);
        if (budget < 0) return std::nullopt;
        next.clear();
        there.assign(steps_.size(), false);
        bool matched = false;
        const auto byte = static_cast<unsigned char>(text[at]);
        for (const std::uint16_t thread : now)
            if (sets_[steps_[thread].bytes][byte])
                matched = follow(text, at + 1, steps_[thread].next, next, there) || matched;
        if (matched) found = at + 1;
        std::swap(now, next);
    }
    return found;
}

std::optional<Span> Pattern::around(std::string_view text, std::size_t from, std::size_t end,
                                    std::int64_t& budget) const {
    if (width_ && end > *width_) from = std::max(from, end - *width_);
    for (std::size_t begin = from; begin < end && budget > 0; ++begin)
        if (const auto to = longest(text, begin, budget); to && *to >= end) return Span{begin, *to};
    return std::nullopt;
}

} // namespace weir::filter
