#include "dialects/gemini/request_out.h"

#include "base/text.h"
#include "dialects/translation.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>
#include <utility>
#include <vector>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

// What Google documents for calls whose signature is not known.
constexpr std::string_view no_signature = "skip_thought_signature_validator";

struct Turn {
    std::string_view role;
    std::vector<std::string> parts;
};

std::string text_part(std::string_view text) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("text", text).end_object();
    return out;
}

std::string data_part(std::string_view media_type, std::string_view data) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object().key("inlineData").begin_object();
    writer.member("mimeType", media_type).member("data", data).end_object().end_object();
    return out;
}

class Encoder {
public:
    Encoder(const chat::ChatRequest& request, const Terms& terms, std::string& out,
            Dropped& dropped)
        : request_(request), terms_(terms), fields_(request), writer_(out), dropped_(dropped) {}

    Result<void> encode() {
        WEIR_CHECK(read_messages());
        writer_.begin_object();
        if (!system_.empty()) {
            writer_.key("systemInstruction").begin_object();
            write_parts(system_);
            writer_.end_object();
        }
        writer_.key("contents").begin_array();
        for (const Turn& turn : turns_) {
            writer_.begin_object().member("role", turn.role);
            write_parts(turn.parts);
            writer_.end_object();
        }
        writer_.end_array();
        write_tools();
        write_generation_config();
        writer_.end_object();
        fields_.name_dropped({"messages", "max_tokens", "max_completion_tokens", "tools",
                              "tool_choice", "stop", "temperature", "top_p", "seed",
                              "presence_penalty", "frequency_penalty", "response_format",
                              "reasoning_effort", "user"},
                             dropped_);
        return {};
    }

private:
    void write_parts(const std::vector<std::string>& parts) {
        writer_.key("parts").begin_array();
        for (const std::string& part : parts) writer_.raw(part);
        writer_.end_array();
    }

    std::vector<std::string>& turn(std::string_view role) {
        if (turns_.empty() || turns_.back().role != role) turns_.push_back({role, {}});
        return turns_.back().parts;
    }

    Result<void> read_messages() {
        const auto messages = fields_.find("messages", Kind::array);
        if (!messages) return {};
        names_ = call_names(*messages);
        bool begun = false;
        for (const Value message : *messages) {
            const std::string_view role = text_of(message, "role");
            const auto content = message.find("content");
            if (role != "tool" && role != "function") flush_results();
            if (role == "system" || role == "developer") {
                const std::string text = content ? plain_text(*content) : std::string();
                if (!text.empty()) (begun ? turn("user") : system_).push_back(text_part(text));
                continue;
            }
            begun = true;
            if (role == "assistant") {
                WEIR_CHECK(read_assistant(message, content));
            } else if (role == "tool" || role == "function") {
                read_result(message, content);
            } else if (content) {
                WEIR_CHECK(read_user(*content));
            }
        }
        flush_results();
        std::erase_if(turns_, [](const Turn& t) { return t.parts.empty(); });
        return {};
    }

    Result<void> read_user(const Value& content) {
        std::vector<std::string>& parts = turn("user");
        if (content.is(Kind::string)) {
            if (!content.text().empty()) parts.push_back(text_part(content.text()));
            return {};
        }
        for (const Value part : content) {
            const std::string_view type = text_of(part, "type");
            if (type == "text") {
                if (const auto text = text_of(part, "text"); !text.empty())
                    parts.push_back(text_part(text));
                continue;
            }
            WEIR_TRY(std::string made, medium_part(part, type));
            parts.push_back(std::move(made));
        }
        return {};
    }

    static Result<std::string> medium_part(const Value& part, std::string_view type) {
        const auto holder = part.find(type);
        if (holder && type == "image_url") {
            if (const auto data = parse_data_url(text_of(*holder, "url")))
                return data_part(data->media_type, data->data);
            return cannot_say(part, "image but one as a data: URL");
        }
        if (holder && type == "input_audio")
            return data_part("audio/" + std::string(text_of(*holder, "format")),
                             text_of(*holder, "data"));
        if (holder && type == "file")
            if (const auto data = parse_data_url(text_of(*holder, "file_data")))
                return data_part(data->media_type, data->data);
        return cannot_say(part, fmt::format("content of type '{}'", clip(type, 32)));
    }

    Result<void> read_assistant(const Value& message, const std::optional<Value>& content) {
        std::vector<std::string>& parts = turn("model");
        if (content)
            if (const std::string text = plain_text(*content); !text.empty())
                parts.push_back(text_part(text));
        const auto calls = message.find("tool_calls");
        if (!calls || !calls->is(Kind::array)) return {};
        bool first = true;
        called_.clear();
        for (const Value call : *calls) {
            called_.emplace_back(text_of(call, "id"));
            const auto function = call.find("function");
            if (!function || !function->is(Kind::object))
                return cannot_say(call, "tool call but one of a function");
            std::string arguments = "{}";
            if (const auto given = function->find("arguments")) {
                WEIR_TRY(arguments, arguments_object(*given));
            }
            std::string part;
            json::Writer writer(part);
            writer.begin_object().key("functionCall").begin_object();
            writer.member("name", text_of(*function, "name")).key("args").raw(arguments);
            writer.end_object();
            // The first call of a step must show the thought that it came from.
            const std::string_view signature = signature_of(call);
            if (!signature.empty()) writer.member("thoughtSignature", signature);
            else if (first) writer.member("thoughtSignature", no_signature);
            writer.end_object();
            parts.push_back(std::move(part));
            first = false;
        }
        return {};
    }

    // Where Google's own OpenAI-compatible clients keep it.
    static std::string_view signature_of(const Value& call) {
        const auto extra = call.find("extra_content");
        const auto google = extra && extra->is(Kind::object) ? extra->find("google") : std::nullopt;
        return google ? text_of(*google, "thought_signature") : std::string_view();
    }

    void read_result(const Value& message, const std::optional<Value>& content) {
        const auto name = names_.find(text_of(message, "tool_call_id"));
        std::string part;
        json::Writer writer(part);
        writer.begin_object().key("functionResponse").begin_object();
        writer.member("name", name != names_.end() ? std::string_view(name->second)
                                                   : text_of(message, "name"));
        writer.key("response");
        const std::string text = content ? plain_text(*content) : std::string();
        const auto document = json::Document::parse(text);
        if (document && document->root().is(Kind::object)) writer.raw(document->root().raw());
        else writer.begin_object().member("result", text).end_object();
        writer.end_object().end_object();
        results_.emplace(place_of(text_of(message, "tool_call_id")), std::move(part));
    }

    // In the order of their calls, which is all that tells two of one function apart.
    void flush_results() {
        for (auto& [place, part] : results_) turn("user").push_back(std::move(part));
        results_.clear();
    }
    std::size_t place_of(std::string_view id) const {
        return static_cast<std::size_t>(std::ranges::find(called_, id) - called_.begin());
    }

    void write_tools() {
        const auto tools = fields_.find("tools", Kind::array);
        if (!tools || tools->size() == 0) return;
        writer_.key("tools").begin_array().begin_object().key("functionDeclarations");
        writer_.begin_array();
        for (const Value tool : *tools) {
            const auto function = tool.find("function");
            if (!function || !function->is(Kind::object)) {
                dropped_.push_back(tool.path());
                continue;
            }
            writer_.begin_object().member("name", text_of(*function, "name"));
            if (const auto about = text_of(*function, "description"); !about.empty())
                writer_.member("description", about);
            const auto schema = function->find("parameters");
            if (schema && schema->is(Kind::object) && schema->size() > 0)
                writer_.key("parametersJsonSchema").raw(schema->raw());
            writer_.end_object();
        }
        writer_.end_array().end_object().end_array();
        write_tool_choice();
    }

    void write_tool_choice() {
        const auto choice = fields_.find("tool_choice");
        if (!choice) return;
        std::string_view mode = "AUTO";
        if (choice->is(Kind::string)) {
            if (choice->text() == "none") mode = "NONE";
            if (choice->text() == "required") mode = "ANY";
        }
        const auto function = choice->is(Kind::object) ? choice->find("function") : std::nullopt;
        if (function) mode = "ANY";
        writer_.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
        writer_.member("mode", mode);
        if (function)
            writer_.key("allowedFunctionNames")
                .begin_array()
                .value(text_of(*function, "name"))
                .end_array();
        writer_.end_object().end_object();
    }

    void write_generation_config() {
        struct Renamed {
            std::string_view chat;
            std::string_view gemini;
        };
        writer_.key("generationConfig").begin_object();
        writer_.member("maxOutputTokens",
                       request_.max_output_tokens().value_or(terms_.max_output_tokens));
        if (request_.choices() > 1) writer_.member("candidateCount", request_.choices());
        for (const auto& [chat, gemini] :
             {Renamed{"temperature", "temperature"}, Renamed{"top_p", "topP"},
              Renamed{"seed", "seed"}, Renamed{"presence_penalty", "presencePenalty"},
              Renamed{"frequency_penalty", "frequencyPenalty"}})
            if (const auto value = fields_.find(chat)) writer_.key(gemini).raw(value->raw());
        if (const auto stop = fields_.find("stop")) {
            writer_.key("stopSequences");
            if (stop->is(Kind::array)) writer_.raw(stop->raw());
            else writer_.begin_array().value(stop->text()).end_array();
        }
        write_format();
        write_thinking();
        writer_.end_object();
    }

    void write_format() {
        const auto format = fields_.find("response_format", Kind::object);
        if (!format || text_of(*format, "type") == "text") return;
        writer_.member("responseMimeType", "application/json");
        const auto schema = format->find("json_schema");
        const auto inner = schema ? schema->find("schema") : std::nullopt;
        if (inner) writer_.key("responseJsonSchema").raw(inner->raw());
    }

    // Thought is asked for where the client asked for it, and shown.
    void write_thinking() {
        const auto effort = fields_.find("reasoning_effort", Kind::string);
        if (!effort) return;
        const std::string_view wish = effort->text();
        writer_.key("thinkingConfig").begin_object();
        const bool by_budget =
            terms_.model.find("gemini-2") != std::string::npos; // later ones take a level
        if (wish == "none") {
            if (by_budget) writer_.member("thinkingBudget", 0);
            else writer_.member("thinkingLevel", "LOW");
        } else {
            writer_.key("includeThoughts").boolean(true);
            const bool low = wish == "low" || wish == "minimal";
            if (by_budget)
                writer_.member("thinkingBudget", low ? 1024 : wish == "medium" ? 8192 : 24576);
            else writer_.member("thinkingLevel", low ? "LOW" : "HIGH");
        }
        writer_.end_object();
    }

    const chat::ChatRequest& request_;
    const Terms& terms_;
    ChatFields fields_;
    json::Writer writer_;
    Dropped& dropped_;
    std::map<std::string, std::string, std::less<>> names_;
    std::vector<std::string> called_;                 // the ids of the last turn's calls
    std::multimap<std::size_t, std::string> results_; // by the place of their calls
    std::vector<std::string> system_;
    std::vector<Turn> turns_;
};

} // namespace

Result<void> encode_gemini_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped) {
    return Encoder(request, terms, out, dropped).encode();
}

std::string gemini_path(const Terms& terms) {
    const std::string_view prefix = terms.model.starts_with("models/") ? "/" : "/models/";
    const bool streamed = terms.delivery == chat::Delivery::streamed;
    return fmt::format("{}{}:{}", prefix, percent_encode(terms.model),
                       streamed ? "streamGenerateContent?alt=sse" : "generateContent");
}

} // namespace weir::dialects
