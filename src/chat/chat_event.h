#pragma once
// What a model says, one step at a time, in no provider's words: the events of the stream log.
// Every dialect decodes into them and encodes from them. Fields that Weir does not know ride along
// as raw JSON members, so that a client of the same dialect loses nothing. Immutable once appended
// to a log.

#include "base/ids.h"
#include "chat/native.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace weir::chat {

// What a provider said beside what Weir knows, in its own dialect. Of OpenAI's the unknown members
// of the objects around an event, as `"key":value,"key":value` without braces, by the object they
// stood in; of Anthropic's whole events (the chunk, or, where it may be output, the delta). Shared,
// not copied: most events of a stream have none or the same.
class Extensions {
public:
    Extensions() = default;
    Extensions(std::string_view chunk, std::string_view choice, std::string_view delta,
               Native native = Native::openai);

    // Empty for whoever speaks another dialect.
    std::string_view chunk(Native speaker) const {
        return is(speaker) ? all().substr(0, members_->choice_at) : std::string_view();
    }
    std::string_view choice(Native speaker) const {
        return is(speaker)
                   ? all().substr(members_->choice_at, members_->delta_at - members_->choice_at)
                   : std::string_view();
    }
    std::string_view delta(Native speaker) const {
        return is(speaker) ? all().substr(members_->delta_at) : std::string_view();
    }
    // The delta in whatever dialect: it may be output.
    std::string_view output() const {
        return members_ ? all().substr(members_->delta_at) : std::string_view();
    }
    bool empty() const { return !members_; }
    std::size_t bytes() const { return members_ ? members_->text.size() : 0; }

    friend bool operator==(const Extensions& a, const Extensions& b) {
        if (!a.members_ || !b.members_) return a.members_ == b.members_;
        return *a.members_ == *b.members_;
    }

private:
    struct Members {
        std::string text; // the chunk's, the choice's, the delta's
        std::uint32_t choice_at;
        std::uint32_t delta_at;
        Native native;
        bool operator==(const Members&) const = default;
    };
    bool is(Native speaker) const { return members_ && members_->native == speaker; }
    std::string_view all() const { return members_->text; }
    std::shared_ptr<const Members> members_; // null: there are none
};

// The provider has begun. Comes once, first, and is not yet meaningful.
struct Started {
    std::string id;
    std::string model;
    std::int64_t created = 0; // seconds since 1970
    Extensions extensions;
};

struct TextDelta {
    std::uint32_t choice = 0;
    std::string text;
    Extensions extensions;
};

// Thought that a provider shows apart from the answer.
struct ReasoningDelta {
    std::uint32_t choice = 0;
    std::string text;
    std::string field; // the name the provider gave it: "reasoning_content" or "reasoning"
    Extensions extensions;
};

struct RefusalDelta {
    std::uint32_t choice = 0;
    std::string text;
    Extensions extensions;
};

// A piece of a tool call: id and name come with its first piece.
struct ToolCallDelta {
    std::uint32_t choice = 0;
    std::uint32_t call = 0;
    // What only a call's first piece says, and seldom another.
    struct Called {
        std::string id;
        std::string name;
        std::string extensions; // unknown members of the call itself
    };
    std::shared_ptr<const Called> called; // null: it only goes on
    std::string arguments;

    std::string_view id() const { return called ? called->id : std::string_view(); }
    std::string_view name() const { return called ? called->name : std::string_view(); }
    std::string_view extensions() const { return called ? called->extensions : std::string_view(); }
};

// Nothing but members that Weir does not know.
struct OtherDelta {
    std::uint32_t choice = 0;
    Extensions extensions;
};

struct ChoiceFinished {
    std::uint32_t choice = 0;
    std::string reason; // OpenAI's words: stop, length, tool_calls, content_filter, …
    Extensions extensions;
};

struct Usage {
    Tokens input;
    Tokens output;
    Tokens cached_input; // part of input
    Tokens reasoning;    // part of output
};

struct UsageReport {
    Usage usage;
    std::string raw;                // the provider's own object, as JSON; empty where Weir counted
    Native native = Native::openai; // the dialect that it is written in
};

using ChatEvent = std::variant<Started, TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta,
                               OtherDelta, ChoiceFinished, UsageReport>;

// Whether a client that has seen it has seen part of the answer: the end of silent failover.
bool is_meaningful(const ChatEvent& event);
// Bytes of model output in it, for counting where no usage is given. What Weir does not know in a
// delta may be output too, and counts.
std::size_t output_bytes(const ChatEvent& event);
// The output that output_bytes() counts, appended.
void append_output(const ChatEvent& event, std::string& out);
// The output of several events, choice after choice: what several say in turns is no text.
class OutputText {
public:
    void add(const ChatEvent& event);
    std::string text() const;

private:
    std::vector<std::string> choices_;
};
// What it costs to keep, about.
std::size_t kept_bytes(const ChatEvent& event);

} // namespace weir::chat
