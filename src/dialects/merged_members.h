#pragma once
// Unknown members of a stream's chunks as one whole answer has them: objects are merged deep, the
// last value of anything else wins. Lists under `logprobs` go on from chunk to chunk, so they are
// joined. What only pads a stream (`obfuscation`) is dropped.

#include "json/document.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::dialects {

class MergedMembers {
public:
    // `members` as in chat::Extensions: `"key":value,"key":value`. Not JSON: ignored.
    void add(std::string_view members);
    // Each with a comma before it.
    void append_to(std::string& out) const;

private:
    struct Node {
        std::string key;
        json::Kind kind = json::Kind::null;
        std::string raw;            // of an array: what is between its brackets
        std::vector<Node> children; // of an object
    };
    enum class Lists : std::uint8_t { replaced, joined };
    static void merge(std::vector<Node>& into, const json::Value& member, Lists lists);
    static void write(std::string& out, const Node& node);

    std::vector<Node> nodes_;
    std::string last_;
};

} // namespace weir::dialects
