#include "chat/chat_request.h"

#include "base/limits.h"
#include "chat/faults.h"
#include "json/canonical.h"
#include "json/writer.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::chat {
namespace {

constexpr std::int64_t message_tokens = 8; // the frame that a chat template puts around a message
constexpr std::int64_t usual_message_tokens = 4;
constexpr std::int64_t image_tokens = 2'000;

struct SpeakerName {
    std::string_view name;
    Speaker speaker;
};
constexpr std::array<SpeakerName, 6> speakers{{{"system", Speaker::system},
                                               {"developer", Speaker::developer},
                                               {"user", Speaker::user},
                                               {"assistant", Speaker::assistant},
                                               {"tool", Speaker::tool},
                                               {"function", Speaker::function}}};

std::optional<Speaker> parse_speaker(std::string_view text) {
    for (const auto& candidate : speakers)
        if (candidate.name == text) return candidate.speaker;
    return std::nullopt;
}

std::unexpected<Error> not_an_object(const json::Value& root) {
    return refuse(Errc::invalid_type,
                  fmt::format("Invalid type for the body: expected an object, but got {} "
                              "instead.",
                              json::name(root.kind())));
}

} // namespace

std::int64_t ChatRequest::input_tokens_bound() const {
    std::int64_t bytes = static_cast<std::int64_t>(other_bytes_);
    std::int64_t tokens = message_tokens;
    for (const Message& message : messages_) {
        tokens += message_tokens + image_tokens * message.images;
        for (const std::string_view text : message.texts)
            bytes += static_cast<std::int64_t>(text.size());
    }
    return tokens + (bytes + 1) / 2;
}

std::int64_t ChatRequest::input_tokens_most() const {
    std::int64_t tokens = message_tokens + static_cast<std::int64_t>(other_bytes_);
    for (const Message& message : messages_) {
        tokens += message_tokens + image_tokens * message.images;
        for (const std::string_view text : message.texts)
            tokens += static_cast<std::int64_t>(text.size());
    }
    return tokens;
}

std::string ChatRequest::input_text() const {
    std::string out;
    for (const Message& message : messages_)
        for (const std::string_view text : message.texts) (out += text) += '\n';
    return out;
}

std::int64_t ChatRequest::input_frame_tokens() const {
    std::int64_t tokens = usual_message_tokens + static_cast<std::int64_t>(other_bytes_ + 3) / 4;
    for (const Message& message : messages_)
        tokens += usual_message_tokens + image_tokens * message.images;
    return tokens;
}

std::int64_t ChatRequest::input_tokens_estimate() const {
    std::int64_t bytes = static_cast<std::int64_t>(other_bytes_);
    std::int64_t tokens = 0;
    for (const Message& message : messages_) {
        tokens += image_tokens * message.images;
        for (const std::string_view text : message.texts)
            bytes += static_cast<std::int64_t>(text.size());
    }
    return tokens + (bytes + 3) / 4;
}

Needs ChatRequest::needs() const {
    Needs out;
    out.task = task_;
    out.tools = tools_;
    out.json = format_;
    out.vision = std::ranges::any_of(messages_, [](const Message& m) { return m.images > 0; });
    out.tokens = input_tokens_estimate() + max_output_tokens_.value_or(0);
    return out;
}

std::string ChatRequest::canonical() const {
    std::string text;
    json::Writer writer(text);
    writer.begin_object();
    const bool translated = original_ != nullptr;
    for (const Member& member : translated ? original_->members : members_)
        if (member.key != "stream" && member.key != "stream_options")
            writer.key(member.key).raw(member.raw);
    writer.end_object();
    std::string out;
    // What came in another form is told from all others by that form.
    if (translated) out = std::to_string(static_cast<int>(original_->native));
    if (const auto document = json::Document::parse(text))
        json::append_canonical(out, document->root());
    return out;
}

// Reads an OpenAI chat completion request in document order.
class RequestReader {
public:
    Result<ChatRequest> read(json::Document document) {
        request_.document_ = std::make_unique<json::Document>(std::move(document));
        const json::Value root = request_.document_->root();
        if (!root.is(json::Kind::object)) return not_an_object(root);
        for (const json::Value member : root) {
            if (request_.members_.empty()) request_.members_.reserve(root.size());
            request_.members_.push_back({member.key(), member.raw()});
            read_member(member);
        }
        if (!saw_model_) missing("model");
        if (!saw_messages_) missing("messages");
        if (saw_stream_options_ && request_.delivery_ == Delivery::whole) {
            faults_.add(Errc::invalid_value, "stream_options",
                        "Invalid 'stream_options': it is only allowed when 'stream' is true.");
        }
        if (!faults_.none()) return refuse(std::move(faults_).error());
        request_.document_->forget_values();
        return std::move(request_);
    }

private:
    void missing(std::string_view field) {
        faults_.add(Errc::missing_required_parameter, std::string(field),
                    fmt::format("Missing required parameter: '{}'.", field));
    }

    void read_member(const json::Value& value) {
        const std::string_view key = value.key();
        if (key == "messages") return read_messages(value);
        if (key == "model") return read_model(value);
        if (key == "stream") {
            if (const auto on = faults_.boolean(value))
                request_.delivery_ = *on ? Delivery::streamed : Delivery::whole;
        } else if (key == "stream_options") {
            read_stream_options(value);
        } else if (key == "max_tokens" || key == "max_completion_tokens") {
            if (const auto tokens = faults_.integer(value, 1, limits::output_tokens))
                request_.max_output_tokens_ =
                    std::max(*tokens, request_.max_output_tokens_.value_or(0));
        } else if (key == "n") {
            request_.choices_ =
                faults_.integer(value, 1, static_cast<std::int64_t>(limits::choices)).value_or(1);
        } else {
            read_lesser_member(key, value);
        }
    }

    // Fields that are passed on as they are, but must be of their type.
    void read_lesser_member(std::string_view key, const json::Value& value) {
        if (key == "temperature") {
            (void)faults_.number(value, 0, 2);
            const bool number = value.is(json::Kind::integer) || value.is(json::Kind::number);
            if (number && value.number() == 0) request_.deterministic_ = true;
        } else if (key == "top_p") (void)faults_.number(value, 0, 1);
        else if (key == "presence_penalty" || key == "frequency_penalty")
            (void)faults_.number(value, -2, 2);
        else if (key == "top_logprobs") (void)faults_.integer(value, 0, 20);
        else if (key == "logprobs" || key == "parallel_tool_calls" || key == "store")
            (void)faults_.boolean(value);
        else if (key == "seed") {
            (void)faults_.integer(value, INT64_MIN, INT64_MAX);
            if (value.is(json::Kind::integer)) request_.deterministic_ = true;
        } else if (key == "user") (void)faults_.text(value);
        else if (key == "stop") read_stop(value);
        else if (key == "tools") {
            if (!value.is_null() && faults_.array(value, limits::tools))
                for (const json::Value tool : value) (void)faults_.object(tool);
            request_.tools_ = value.is(json::Kind::array) && value.size() > 0;
            request_.other_bytes_ += value.raw().size();
        } else {
            if (key == "response_format" && value.is(json::Kind::object)) {
                const auto type = value.find("type");
                request_.format_ = type && type->is(json::Kind::string) && type->text() != "text";
            }
            // What is unknown may be shown to the model, so it is counted like text.
            request_.other_bytes_ += value.raw().size();
        }
    }

    void read_stop(const json::Value& value) {
        if (value.is_null() || value.is(json::Kind::string)) return;
        if (!value.is(json::Kind::array))
            return faults_.wrong_type(value, "a string or an array of strings");
        for (const json::Value item : value)
            if (!item.is(json::Kind::string)) faults_.wrong_type(item, "a string");
    }

    void read_model(const json::Value& value) {
        saw_model_ = true;
        if (value.is_null()) return faults_.wrong_type(value, "a string");
        const auto model = faults_.text(value);
        if (!model) return;
        if (model->empty() || model->size() > limits::model_name_bytes) {
            faults_.add(Errc::invalid_value, "model",
                        "Invalid 'model': expected the name of a model.");
            return;
        }
        request_.model_ = *model;
    }

    void read_stream_options(const json::Value& value) {
        if (value.is_null()) return;
        saw_stream_options_ = true;
        if (!faults_.object(value)) return;
        if (const auto include = value.find("include_usage")) {
            if (faults_.boolean(*include).value_or(false))
                request_.usage_wish_ = UsageWish::include;
        }
    }

    void read_messages(const json::Value& value) {
        saw_messages_ = true;
        if (!faults_.array(value, limits::messages)) return;
        if (value.size() == 0) {
            faults_.add(
                Errc::empty_array, "messages",
                "Invalid 'messages': empty array. Expected an array with at least one message.");
            return;
        }
        request_.messages_.reserve(value.size());
        for (const json::Value message : value)
            if (faults_.object(message)) read_message(message);
    }

    void read_message(const json::Value& value) {
        Message message{Speaker::user, {}, 0};
        bool saw_role = false;
        bool saw_content = false;
        bool calls_tools = false;
        std::optional<json::Value> null_content;
        for (const json::Value member : value) {
            if (member.key() == "role") {
                saw_role = true;
                read_role(member, message);
            } else if (member.key() == "content") {
                saw_content = true;
                null_content = member.is_null() ? std::optional(member) : std::nullopt;
                read_content(member, message);
            } else {
                calls_tools = calls_tools || member.key() == "tool_calls" ||
                              member.key() == "function_call" || member.key() == "refusal" ||
                              member.key() == "audio";
                request_.other_bytes_ += member.raw().size();
            }
        }
        if (!saw_role) missing_in(value, "role");
        const bool may_be_silent = message.speaker == Speaker::assistant && calls_tools;
        if (!saw_content && !may_be_silent) missing_in(value, "content");
        const bool may_be_null = message.speaker == Speaker::assistant;
        if (null_content && !may_be_null)
            faults_.wrong_type(*null_content, "a string or an array of parts");
        request_.messages_.push_back(std::move(message));
    }

    void missing_in(const json::Value& parent, std::string_view field) {
        if (faults_.full()) return;
        missing(fmt::format("{}.{}", parent.path(), field));
    }

    void read_role(const json::Value& value, Message& message) {
        if (faults_.full()) return;
        if (!value.is(json::Kind::string)) return faults_.wrong_type(value, "a string");
        const auto speaker = parse_speaker(value.text());
        if (speaker) {
            message.speaker = *speaker;
            return;
        }
        faults_.add(
            Errc::invalid_value, value.path(),
            fmt::format(
                "Invalid '{}': expected one of system, developer, user, assistant, tool and "
                "function.",
                value.path()));
    }

    void read_content(const json::Value& value, Message& message) {
        if (value.is(json::Kind::string)) {
            message.texts.push_back(value.text());
        } else if (value.is(json::Kind::array)) {
            for (const json::Value part : value)
                if (faults_.object(part)) read_part(part, message);
        } else if (!value.is_null()) {
            faults_.wrong_type(value, "a string or an array of parts");
        }
    }

    void read_part(const json::Value& part, Message& message) {
        const auto type = part.find("type");
        if (!type) return missing_in(part, "type");
        const auto kind = faults_.text(*type);
        if (!kind) return;
        if (*kind == "text" || *kind == "refusal") {
            const auto text = part.find(*kind);
            if (!text) return missing_in(part, *kind);
            if (!text->is(json::Kind::string)) return faults_.wrong_type(*text, "a string");
            message.texts.push_back(text->text());
        } else if (*kind == "image_url") {
            const auto image = part.find("image_url");
            if (!image) return missing_in(part, "image_url");
            if (!faults_.object(*image)) return;
            const auto url = image->find("url");
            if (!url) return missing_in(*image, "url");
            if (!url->is(json::Kind::string)) return faults_.wrong_type(*url, "a string");
            ++message.images;
        } else {
            // A kind that is not known here: at most as many tokens as its bytes allow.
            request_.other_bytes_ += part.raw().size();
        }
    }

    ChatRequest request_;
    Faults faults_;
    bool saw_model_ = false;
    bool saw_messages_ = false;
    bool saw_stream_options_ = false;
};

Result<ChatRequest> parse(std::string_view body) {
    WEIR_TRY(json::Document document, json::Document::parse(body));
    return RequestReader().read(std::move(document));
}

namespace {

// A text, a list of tokens, or a list of either; whether it is one.
bool read_input(const json::Value& input, Faults& faults, Message& texts, std::size_t& tokens) {
    if (input.is(json::Kind::string)) {
        texts.texts.push_back(input.text());
        return true;
    }
    if (!faults.array(input, limits::embedded)) return false;
    if (input.size() == 0) {
        faults.add(Errc::empty_array, input.path(),
                   fmt::format("Invalid '{}': empty array.", input.path()));
        return false;
    }
    for (const json::Value item : input) {
        if (item.is(json::Kind::integer)) {
            ++tokens;
        } else if (item.is(json::Kind::string) || item.is(json::Kind::array)) {
            if (!read_input(item, faults, texts, tokens)) return false;
        } else {
            faults.wrong_type(item, "a string or an array of tokens");
            return false;
        }
    }
    return true;
}

} // namespace

Result<ChatRequest> parse_embeddings(std::string_view body) {
    WEIR_TRY(json::Document document, json::Document::parse(body));
    ChatRequest out;
    out.task_ = Task::embeddings;
    out.document_ = std::make_unique<json::Document>(std::move(document));
    const json::Value root = out.document_->root();
    if (!root.is(json::Kind::object)) return not_an_object(root);
    Faults faults;
    Message texts{Speaker::user, {}, 0};
    std::size_t tokens = 0;
    bool asked = false;
    for (const json::Value member : root) {
        const std::string_view key = member.key();
        out.members_.push_back({key, member.raw()});
        if (key == "model") {
            if (member.is_null()) faults.wrong_type(member, "a string");
            out.model_ = faults.text(member).value_or("");
        } else if (key == "input") {
            asked = true;
            if (member.is_null()) faults.wrong_type(member, "a string or an array");
            else (void)read_input(member, faults, texts, tokens);
        } else if (key == "dimensions") {
            (void)faults.integer(member, 1, 1'000'000);
        } else if (key == "encoding_format") {
            const auto form = faults.text(member);
            if (form && *form != "float" && *form != "base64")
                faults.add(Errc::invalid_value, "encoding_format",
                           "Invalid 'encoding_format': expected float or base64.");
        }
    }
    for (const auto& [there, field] :
         {std::pair{!out.model_.empty(), "model"}, std::pair{asked, "input"}})
        if (!there && faults.none())
            faults.add(Errc::missing_required_parameter, field,
                       fmt::format("Missing required parameter: '{}'.", field));
    if (!faults.none()) return refuse(std::move(faults).error());
    out.messages_.push_back(std::move(texts));
    out.other_bytes_ = 2 * tokens; // the bound takes two bytes for a token
    out.max_output_tokens_ = 0;
    out.document_->forget_values();
    return out;
}

Result<ChatRequest> parse_translated(std::string_view body, std::unique_ptr<Original> original) {
    WEIR_TRY(ChatRequest request, parse(body));
    request.other_bytes_ += original->untold_bytes;
    request.original_ = std::move(original);
    return request;
}

Result<ChatRequest> parse_prompt(std::string_view body) {
    WEIR_TRY(const json::Document document, json::Document::parse(body));
    const json::Value root = document.root();
    if (!root.is(json::Kind::object)) return not_an_object(root);
    Faults faults;
    std::string_view model = "fast";
    std::optional<std::string_view> prompt;
    std::optional<std::int64_t> max_tokens;
    bool streamed = true;
    for (const json::Value member : root) {
        const std::string_view key = member.key();
        if (key == "prompt") {
            if (member.is(json::Kind::string)) prompt = member.text();
            else faults.wrong_type(member, "a string"), prompt = "";
        } else if (key == "model") {
            model = faults.text(member).value_or(model);
        } else if (key == "stream") {
            streamed = faults.boolean(member).value_or(true);
        } else if (key == "max_tokens") {
            max_tokens = faults.integer(member, 1, limits::output_tokens);
        } else {
            faults.add(Errc::unknown_parameter, member.path(),
                       fmt::format("Unknown parameter: '{}'.", member.path()));
        }
    }
    if (!prompt)
        faults.add(Errc::missing_required_parameter, "prompt",
                   "Missing required parameter: 'prompt'.");
    if (!faults.none()) return refuse(std::move(faults).error());

    // From here on it is an ordinary chat request with one message.
    std::string plain;
    json::Writer writer(plain);
    writer.begin_object().member("model", model).key("messages").begin_array().begin_object();
    writer.member("role", "user").member("content", *prompt).end_object().end_array();
    if (max_tokens) writer.member("max_tokens", *max_tokens);
    writer.key("stream").boolean(streamed).end_object();
    return parse(plain);
}

} // namespace weir::chat
