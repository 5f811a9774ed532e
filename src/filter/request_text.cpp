#include "filter/request_text.h"

#include "json/document.h"
#include "json/writer.h"

#include <algorithm>
#include <array>

namespace weir::filter {
namespace {

using json::Kind;
using json::Value;

constexpr std::array<std::string_view, 6> left_alone{
    "model", "role", "type", "encrypted_content", "signature", "previous_response_id"};

// A file in a text's clothes, such as a picture's data.
bool is_file(std::string_view text) {
    constexpr std::size_t least = 256; // shorter ones may be anything
    if (text.starts_with("data:")) text.remove_prefix(std::min(text.find(',') + 1, text.size()));
    return text.size() >= least && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '+' || c == '/' || c == '=';
           });
}

class Walk {
public:
    Walk(const RuleSet& rules, const Scope& scope, Inspected& out)
        : rules_(rules), scope_(scope), out_(out) {}

    void visit(const Value& value) {
        if (value.is(Kind::string)) return look_at(value);
        if (!value.is(Kind::array) && !value.is(Kind::object)) return;
        for (const Value child : value) {
            if (value.is(Kind::object)) look_at_name(child.key());
            const bool named = value.is(Kind::object) && child.is(Kind::string) &&
                               std::ranges::find(left_alone, child.key()) != left_alone.end();
            if (!named) visit(child);
        }
    }

    // The body with the replacements; `root` is all of it.
    void replace(std::string_view root) {
        if (changes_.empty()) return;
        std::string body;
        body.reserve(root.size());
        const char* at = root.data();
        for (const Change& change : changes_) {
            body.append(at, change.raw.data());
            json::append_quoted(body, change.text);
            at = change.raw.data() + change.raw.size();
        }
        body.append(at, root.data() + root.size());
        out_.body = std::move(body);
    }

private:
    struct Change {
        std::string_view raw;
        std::string text;
    };

    // Names of members are shown to a model too, in a tool's schema. One that would be redacted
    // could become the same as another, so it is refused.
    void look_at_name(std::string_view name) {
        for (const Hit& hit : rules_.find(name, scope_)) note(hit, Action::redact);
    }

    void note(const Hit& hit, Action refused_from) {
        if (hit.rule->action >= refused_from && out_.refused_by == nullptr)
            out_.refused_by = hit.rule;
        const auto known = std::ranges::find(out_.noticed, hit.rule, &Noticed::rule);
        if (known == out_.noticed.end()) out_.noticed.push_back({hit.rule, 1});
        else ++known->times;
    }

    void look_at(const Value& value) {
        const std::string_view text = value.text();
        if (is_file(text)) return;
        const std::vector<Hit> hits = rules_.find(text, scope_);
        if (hits.empty()) return;
        for (const Hit& hit : hits) note(hit, Action::block);
        if (auto changed = redacted(text, hits)) changes_.push_back({value.raw(), *changed});
    }

    const RuleSet& rules_;
    const Scope& scope_;
    Inspected& out_;
    std::vector<Change> changes_;
};

} // namespace

std::optional<std::string> redacted(std::string_view text, const std::vector<Hit>& hits) {
    std::string out;
    std::size_t at = 0;
    bool any = false;
    for (const Hit& hit : hits) {
        if (hit.rule->action != Action::redact) continue;
        any = true;
        // One that begins inside another is part of its mark.
        if (hit.span.begin >= at) {
            out += text.substr(at, hit.span.begin - at);
            out += "[redacted:" + hit.rule->category + "]";
        }
        at = std::max(at, hit.span.end);
    }
    if (!any) return std::nullopt;
    return out += text.substr(at);
}

Inspected inspect_request(const RuleSet& rules, std::string_view body, const Scope& scope) {
    Inspected out;
    if (rules.empty()) return out;
    const auto document = json::Document::parse(body);
    if (!document) return out;
    Walk walk(rules, scope, out);
    walk.visit(document->root());
    walk.replace(document->root().raw());
    return out;
}

} // namespace weir::filter
