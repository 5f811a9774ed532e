#include "dialects/ollama/request_out.h"

#include "base/text.h"
#include "dialects/translation.h"
#include "json/writer.h"

#include <fmt/core.h>
#include <vector>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

class Encoder {
public:
    Encoder(const chat::ChatRequest& request, const Terms& terms, std::string& out,
            Dropped& dropped)
        : request_(request), terms_(terms), fields_(request), writer_(out), dropped_(dropped) {}

    Result<void> encode() {
        if (request_.choices() > 1)
            return refuse(Error(Errc::integer_above_max_value,
                                "Invalid 'n': the provider of this model gives one choice.")
                              .at("n"));
        writer_.begin_object().member("model", terms_.model).key("messages").begin_array();
        if (const auto messages = fields_.find("messages", Kind::array)) {
            names_ = call_names(*messages);
            for (const Value message : *messages) WEIR_CHECK(write_message(message));
        }
        writer_.end_array();
        write_tools();
        write_format();
        write_options();
        if (const auto effort = fields_.find("reasoning_effort", Kind::string))
            writer_.key("think").boolean(effort->text() != "none");
        writer_.key("stream").boolean(terms_.delivery == chat::Delivery::streamed);
        writer_.end_object();
        fields_.name_dropped({"messages", "max_tokens", "max_completion_tokens", "tools",
                              "tool_choice", "stop", "temperature", "top_p", "seed",
                              "presence_penalty", "frequency_penalty", "response_format",
                              "reasoning_effort", "user"},
                             dropped_);
        return {};
    }

private:
    Result<void> write_message(const Value& message) {
        std::string_view role = text_of(message, "role");
        if (role == "developer") role = "system";
        if (role == "function") role = "tool";
        const auto content = message.find("content");
        writer_.begin_object().member("role", role);
        writer_.member("content", content ? plain_text(*content) : std::string());
        if (content && content->is(Kind::array)) WEIR_CHECK(write_images(*content));
        if (role == "tool") {
            const auto name = names_.find(text_of(message, "tool_call_id"));
            if (name != names_.end()) writer_.member("tool_name", name->second);
        }
        if (const auto calls = message.find("tool_calls"); calls && calls->is(Kind::array))
            WEIR_CHECK(write_calls(*calls));
        writer_.end_object();
        return {};
    }

    Result<void> write_images(const Value& content) {
        std::vector<std::string_view> images;
        for (const Value part : content) {
            const std::string_view type = text_of(part, "type");
            if (type == "text" || type == "refusal") continue;
            const auto image = part.find("image_url");
            const auto data =
                image ? parse_data_url(text_of(*image, "url")) : std::optional<DataUrl>();
            if (!data)
                return cannot_say(part, type == "image_url"
                                            ? "image but one as a data: URL"
                                            : fmt::format("content of type '{}'", clip(type, 32)));
            images.push_back(data->data);
        }
        if (images.empty()) return {};
        writer_.key("images").begin_array();
        for (const std::string_view image : images) writer_.value(image);
        writer_.end_array();
        return {};
    }

    Result<void> write_calls(const Value& calls) {
        writer_.key("tool_calls").begin_array();
        for (const Value call : calls) {
            const auto function = call.find("function");
            if (!function || !function->is(Kind::object))
                return cannot_say(call, "tool call but one of a function");
            std::string arguments = "{}";
            if (const auto given = function->find("arguments")) {
                WEIR_TRY(arguments, arguments_object(*given));
            }
            writer_.begin_object().key("function").begin_object();
            writer_.member("name", text_of(*function, "name")).key("arguments").raw(arguments);
            writer_.end_object().end_object();
        }
        writer_.end_array();
        return {};
    }

    // It always chooses by itself: what it must not call it is not told of.
    void write_tools() {
        const auto tools = fields_.find("tools", Kind::array);
        const auto choice = fields_.find("tool_choice");
        if (!tools || (choice && choice->is(Kind::string) && choice->text() == "none")) return;
        const auto function =
            choice && choice->is(Kind::object) ? choice->find("function") : std::nullopt;
        const std::string_view only = function ? text_of(*function, "name") : std::string_view();
        if (choice && (function || choice->text() == "required"))
            dropped_.emplace_back("tool_choice");
        writer_.key("tools").begin_array();
        for (const Value tool : *tools) {
            const auto described = tool.find("function");
            if (only.empty() || (described && text_of(*described, "name") == only))
                writer_.raw(tool.raw());
        }
        writer_.end_array();
    }

    void write_format() {
        const auto format = fields_.find("response_format", Kind::object);
        if (!format || text_of(*format, "type") == "text") return;
        const auto schema = format->find("json_schema");
        const auto inner = schema ? schema->find("schema") : std::nullopt;
        writer_.key("format");
        if (inner) writer_.raw(inner->raw());
        else writer_.value("json");
    }

    void write_options() {
        writer_.key("options").begin_object();
        if (const auto most = request_.max_output_tokens()) writer_.member("num_predict", *most);
        for (const std::string_view key :
             {"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"})
            if (const auto value = fields_.find(key)) writer_.key(key).raw(value->raw());
        if (const auto stop = fields_.find("stop")) {
            writer_.key("stop");
            if (stop->is(Kind::array)) writer_.raw(stop->raw());
            else writer_.begin_array().value(stop->text()).end_array();
        }
        writer_.end_object();
    }

    const chat::ChatRequest& request_;
    const Terms& terms_;
    ChatFields fields_;
    json::Writer writer_;
    Dropped& dropped_;
    std::map<std::string, std::string, std::less<>> names_;
};

} // namespace

Result<void> encode_ollama_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped) {
    return Encoder(request, terms, out, dropped).encode();
}

} // namespace weir::dialects
