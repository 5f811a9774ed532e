#pragma once
// One chat request, checked: typed where Weir looks, raw where it only passes on. Made by parse()
// (and parse_prompt()) alone. Raw slices point into the document it owns, so a ChatRequest moves
// but is not copied.

#include "base/error.h"
#include "chat/native.h"
#include "json/document.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::chat {

enum class Speaker : std::uint8_t { system, developer, user, assistant, tool, function };

struct Message {
    Speaker speaker;
    std::vector<std::string_view> texts; // the text parts, in order
    std::uint32_t images = 0;
};

// A top-level field as it was sent.
struct Member {
    std::string_view key;
    std::string_view raw;
};

// The form that a request came in, where that is not the chat form.
struct Original {
    Native native;
    json::Document document; // its text alone
    std::vector<Member> members;
    std::vector<std::string> untold; // the paths of what the chat form has no words for
    std::size_t untold_bytes = 0;    // how much that is
    std::string echo = {};           // what of it the answer repeats, as a JSON object
};

enum class Task : std::uint8_t { chat, embeddings };
enum class Delivery : std::uint8_t { whole, streamed };
enum class UsageWish : std::uint8_t { quiet, include }; // stream_options.include_usage

// What a target must be able to do for a request.
struct Needs {
    Task task = Task::chat;
    bool tools = false;
    bool vision = false;
    bool json = false;       // structured output
    std::int64_t tokens = 0; // of context, about
};

class ChatRequest {
public:
    ChatRequest(ChatRequest&&) noexcept = default;
    ChatRequest& operator=(ChatRequest&&) noexcept = default;

    Task task() const { return task_; }
    std::string_view model() const { return model_; }
    Delivery delivery() const { return delivery_; }
    UsageWish usage_wish() const { return usage_wish_; }
    std::optional<std::int64_t> max_output_tokens() const { return max_output_tokens_; }
    std::int64_t choices() const { return choices_; }
    // Asked the same again, a model is meant to say the same: temperature 0, or a seed.
    bool is_deterministic() const { return deterministic_; }
    const std::vector<Message>& messages() const { return messages_; }
    // Every top-level field in document order, known or not.
    const std::vector<Member>& members() const { return members_; }

    // Null: it came in the chat form.
    const Original* original() const { return original_.get(); }
    // Features of its own form that it asks for by a header, for providers of that dialect.
    const std::string& betas() const { return betas_; }
    void ask_for_betas(std::string_view names) { betas_ = names; }

    Needs needs() const;

    // An upper bound on the input tokens: a token covers two bytes of text at the very least on
    // average, each message and tool adds its frame, an image a fixed price.
    std::int64_t input_tokens_bound() const;
    // The same where nothing better is known than that a token has a byte at least.
    std::int64_t input_tokens_most() const;
    // What they are likely to be: four bytes a token.
    std::int64_t input_tokens_estimate() const;

    // What a model is shown as text, and the tokens of everything else about it.
    std::string input_text() const;
    std::int64_t input_frame_tokens() const;

    // One form for all requests that ask the same: how the answer is delivered is left out.
    std::string canonical() const;

private:
    friend class RequestReader;
    friend Result<ChatRequest> parse_embeddings(std::string_view body);
    friend Result<ChatRequest> parse_translated(std::string_view body,
                                                std::unique_ptr<Original> original);
    ChatRequest() = default;

    std::unique_ptr<json::Document> document_; // its text alone
    std::unique_ptr<const Original> original_;
    std::string betas_;
    Task task_ = Task::chat;
    std::string_view model_;
    Delivery delivery_ = Delivery::whole;
    UsageWish usage_wish_ = UsageWish::quiet;
    std::optional<std::int64_t> max_output_tokens_;
    std::int64_t choices_ = 1;
    bool deterministic_ = false;
    bool tools_ = false;  // there are some
    bool format_ = false; // of the answer is asked for
    std::vector<Message> messages_;
    std::vector<Member> members_;
    std::size_t other_bytes_ = 0; // of tools, formats and whatever else a model may be shown
};

// An OpenAI chat completion request. Errors: invalid_json, or the codes of wrong values with their
// `param`.
Result<ChatRequest> parse(std::string_view body);

// OpenAI's request for embeddings: texts, or lists of tokens, and no answer in words. Errors: as
// parse().
Result<ChatRequest> parse_embeddings(std::string_view body);
// A request of another dialect: `body` is its translation. Errors: as parse().
Result<ChatRequest> parse_translated(std::string_view body, std::unique_ptr<Original> original);
// The plain form of /api/v1/chat: {"prompt", "model": "fast", "stream": true}.
Result<ChatRequest> parse_prompt(std::string_view body);

} // namespace weir::chat
