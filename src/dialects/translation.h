#pragma once
// What every translation of a chat request needs: its fields as values, and the few forms that all
// dialects share.

#include "chat/chat_request.h"
#include "dialects/answer_text.h"
#include "dialects/provider_codec.h"
#include "json/document.h"

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dialects {

// The members of a chat request, parsed once more. Paths of its values are those of the request.
class ChatFields {
public:
    explicit ChatFields(const chat::ChatRequest& request);

    std::optional<json::Value> find(std::string_view key) const;
    // The same, where it is there and of that kind.
    std::optional<json::Value> find(std::string_view key, json::Kind kind) const;
    // Names every member that is not in `said`, and that would have changed the answer.
    void name_dropped(std::initializer_list<std::string_view> said, Dropped& dropped) const;

private:
    json::Document document_;
};

// "data:image/png;base64,…". Both point into the URL.
struct DataUrl {
    std::string_view media_type;
    std::string_view data;
};
std::optional<DataUrl> parse_data_url(std::string_view url);

// The text of a message's content, whatever its form, parts one after another.
std::string plain_text(const json::Value& content);

// A dialect cannot say what stands at `value`.
std::unexpected<Error> cannot_say(const json::Value& value, std::string_view what);

// The arguments of a tool call, which are a text in chat, as the object that they stand for.
// Errors: invalid_value where they are none.
Result<std::string> arguments_object(const json::Value& arguments);

// The function names of a conversation's tool calls by their ids.
std::map<std::string, std::string, std::less<>> call_names(const json::Value& messages);

} // namespace weir::dialects
