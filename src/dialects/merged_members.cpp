#include "dialects/merged_members.h"

#include "json/writer.h"

#include <algorithm>

namespace weir::dialects {

void MergedMembers::add(std::string_view members) {
    if (members.empty()) return;
    // Most chunks repeat the one before; only a list says something new by coming again.
    if (members == last_ && members.find('[') == std::string_view::npos) return;
    last_ = members;
    std::string text = "{";
    text += members;
    text += '}';
    const auto document = json::Document::parse(text);
    if (!document) return;
    for (const json::Value member : document->root())
        if (member.key() != "obfuscation") merge(nodes_, member, Lists::replaced);
}

void MergedMembers::merge(std::vector<Node>& into, const json::Value& member, Lists lists) {
    auto node = std::ranges::find(into, member.key(), &Node::key);
    constexpr std::size_t members_most = 256; // of one object: more are no extension
    if (node == into.end() && into.size() >= members_most) return;
    if (node == into.end()) {
        into.emplace_back().key = member.key();
        node = std::prev(into.end());
    }
    if (member.key() == "logprobs") lists = Lists::joined;
    if (member.is(json::Kind::object)) {
        if (node->kind != json::Kind::object) node->children.clear();
        node->kind = json::Kind::object;
        for (const json::Value child : member) merge(node->children, child, lists);
        return;
    }
    std::string_view raw = member.raw();
    if (member.is(json::Kind::array)) {
        raw = raw.substr(1, raw.size() - 2);
        if (lists == Lists::joined && node->kind == json::Kind::array) {
            if (!node->raw.empty() && member.size() > 0) node->raw += ',';
            node->raw += raw;
            return;
        }
    }
    // A later null takes nothing away from what is joined.
    if (lists == Lists::joined && member.is_null()) {
        if (node->kind == json::Kind::null) node->raw = "null";
        return;
    }
    node->kind = member.kind();
    node->raw = raw;
    node->children.clear();
}

void MergedMembers::append_to(std::string& out) const {
    for (const Node& node : nodes_) {
        out += ',';
        write(out, node);
    }
}

void MergedMembers::write(std::string& out, const Node& node) {
    json::append_quoted(out, node.key);
    out += ':';
    if (node.kind == json::Kind::array) {
        out += '[';
        out += node.raw;
        out += ']';
    } else if (node.kind == json::Kind::object) {
        out += '{';
        for (std::size_t i = 0; i < node.children.size(); ++i) {
            if (i > 0) out += ',';
            write(out, node.children[i]);
        }
        out += '}';
    } else {
        out += node.raw;
    }
}

} // namespace weir::dialects
