#include "dialects/anthropic/request_in.h"

#include "base/limits.h"
#include "chat/faults.h"
#include "dialects/answer_text.h"
#include "json/writer.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t referred_size = 16'000; // bytes that a document elsewhere is taken for

enum class Bound : std::uint8_t { required, absent };

// Members that are read, or that mean nothing to another provider.
constexpr std::array<std::string_view, 17> understood{
    "model",          "max_tokens", "messages",     "system",        "tools",
    "tool_choice",    "stream",     "temperature",  "top_p",         "metadata",
    "stop_sequences", "thinking",   "service_tier", "cache_control", "output_config",
    "output_format",  "diagnostics"};

class Reader {
public:
    explicit Reader(Bound bound) : bound_(bound), writer_(chat_) {}

    Result<chat::ChatRequest> read(std::string_view body) {
        WEIR_TRY(json::Document document, json::Document::parse(body));
        const Value root = document.root();
        if (!root.is(Kind::object))
            return refuse(Errc::invalid_type, "Invalid type for the body: expected an object.");
        auto original = std::make_unique<chat::Original>(
            chat::Native::anthropic, *json::Document::parse("{}"), std::vector<chat::Member>(),
            std::vector<std::string>(), std::size_t{0}, std::string());
        writer_.begin_object();
        write_model(root);
        write_messages(root);
        write_tools(root);
        write_settings(root);
        writer_.end_object();
        for (const Value member : root) {
            original->members.push_back({member.key(), member.raw()});
            const bool known = std::ranges::find(understood, member.key()) != understood.end();
            if (!known && !member.is_null()) untold(member);
        }
        if (!faults_.none()) return refuse(std::move(faults_).error());
        original->untold = std::move(untold_);
        // Whatever of it the chat form leaves out counts too.
        const std::size_t left_out = body.size() > chat_.size() ? body.size() - chat_.size() : 0;
        original->untold_bytes = std::max(untold_bytes_, left_out) + referred_bytes_;
        document.forget_values();
        original->document = std::move(document);
        return chat::parse_translated(chat_, std::move(original));
    }

private:
    void missing(std::string field) {
        std::string message = fmt::format("Missing required parameter: '{}'.", field);
        faults_.add(Errc::missing_required_parameter, std::move(field), std::move(message));
    }
    void untold(const Value& value) {
        constexpr std::size_t named_most = 32;
        if (untold_.size() < named_most) untold_.push_back(value.path());
        untold_bytes_ += value.raw().size();
    }
    void invalid(const Value& value, std::string_view expected) {
        if (faults_.full()) return;
        faults_.add(Errc::invalid_value, value.path(),
                    fmt::format("Invalid '{}': expected {}.", value.path(), expected));
    }

    void write_model(const Value& root) {
        const auto model = root.find("model");
        if (!model) missing("model");
        else if (const auto name = faults_.text(*model)) writer_.member("model", *name);
        else if (model->is_null()) faults_.wrong_type(*model, "a string");
        const auto most = root.find("max_tokens");
        if (!most && bound_ == Bound::required) missing("max_tokens");
        if (most)
            if (const auto tokens = faults_.integer(*most, 1, limits::output_tokens))
                writer_.member("max_tokens", *tokens);
    }

    void write_messages(const Value& root) {
        const auto messages = root.find("messages");
        writer_.key("messages").begin_array();
        if (const auto system = root.find("system"); system && !system->is_null())
            write_system(*system);
        if (!messages) {
            missing("messages");
        } else if (faults_.array(*messages, limits::messages)) {
            if (messages->size() == 0)
                faults_.add(Errc::empty_array, "messages",
                            "Invalid 'messages': expected at least one message.");
            for (const Value message : *messages)
                if (faults_.object(message)) write_message(message);
        } else if (messages->is_null()) {
            faults_.wrong_type(*messages, "an array");
        }
        writer_.end_array();
    }

    void write_system(const Value& system) {
        std::string text;
        if (system.is(Kind::string)) {
            text = system.text();
        } else if (faults_.array(system, limits::messages)) {
            for (const Value block : system) {
                if (!faults_.object(block)) return;
                if (!text.empty()) text += "\n\n";
                text += required_text(block, "text");
            }
        }
        if (!text.empty())
            writer_.begin_object().member("role", "system").member("content", text).end_object();
    }

    std::string_view required_text(const Value& object, std::string_view key) {
        const auto value = object.find(key);
        if (faults_.full()) return {};
        if (!value) {
            missing(fmt::format("{}.{}", object.path(), key));
            return {};
        }
        if (!value->is(Kind::string)) {
            faults_.wrong_type(*value, "a string");
            return {};
        }
        return value->text();
    }

    void write_message(const Value& message) {
        const auto role = message.find("role");
        const auto content = message.find("content");
        if (!role) missing(message.path() + ".role");
        if (!content) missing(message.path() + ".content");
        if (!role || !content) return;
        const std::string_view who = faults_.text(*role).value_or("");
        if (who != "user" && who != "assistant" && who != "system")
            return invalid(*role, "one of user, assistant and system");
        if (content->is(Kind::string)) {
            writer_.begin_object().member("role", who).member("content", content->text());
            writer_.end_object();
        } else if (faults_.array(*content, limits::messages)) {
            if (who == "assistant") write_assistant(*content);
            else write_user(*content, who);
        } else if (content->is_null()) {
            faults_.wrong_type(*content, "a string or an array of blocks");
        }
    }

    // Results come first, each as a message of its own; the rest is one message of the user.
    void write_user(const Value& blocks, std::string_view who) {
        const std::size_t untold_before = untold_.size();
        std::string parts;
        json::Writer writer(parts);
        bool any = false;
        writer.begin_array();
        for (const Value block : blocks) {
            if (!faults_.object(block)) continue;
            const std::string_view type = required_text(block, "type");
            if (type == "tool_result") any = write_result(block, writer) || any;
            else any = write_part(block, type, writer) || any;
        }
        writer.end_array();
        // Where nothing of it has words here it is still a turn.
        if (any || blocks.size() == 0 || untold_.size() > untold_before)
            writer_.begin_object()
                .member("role", who)
                .key("content")
                .raw(any ? parts : "\"\"")
                .end_object();
    }

    // Whether something was written.
    bool write_part(const Value& block, std::string_view type, json::Writer& writer) {
        if (type == "text") {
            const std::string_view text = required_text(block, "text");
            writer.begin_object().member("type", "text").member("text", text).end_object();
            return true;
        }
        const auto source = block.find("source");
        const std::string_view form = source ? text_of(*source, "type") : std::string_view();
        if (type == "image" && (form == "base64" || form == "url")) {
            writer.begin_object().member("type", "image_url").key("image_url").begin_object();
            writer.member("url", form == "url" ? std::string(required_text(*source, "url"))
                                               : data_url(*source));
            writer.end_object().end_object();
            return true;
        }
        if (type == "document" && form == "base64") {
            writer.begin_object().member("type", "file").key("file").begin_object();
            const std::string_view title = text_of(block, "title");
            writer.member("filename", title.empty() ? std::string_view("document.pdf") : title);
            writer.member("file_data", data_url(*source)).end_object().end_object();
            return true;
        }
        if (type == "document" && form == "text") {
            const std::string_view text = required_text(*source, "data");
            writer.begin_object().member("type", "text").member("text", text).end_object();
            return true;
        }
        // One that is only referred to is of a size that is not known here.
        if (type == "document" || type == "image") referred_bytes_ += referred_size;
        untold(block);
        return false;
    }

    std::string data_url(const Value& source) {
        return fmt::format("data:{};base64,{}", required_text(source, "media_type"),
                           required_text(source, "data"));
    }

    // What is no text in a result follows it, in the user's own words.
    bool write_result(const Value& block, json::Writer& after) {
        std::string text;
        bool more = false;
        const auto content = block.find("content");
        if (content && content->is(Kind::string)) text = content->text();
        if (content && content->is(Kind::array) && faults_.array(*content, limits::messages))
            for (const Value part : *content) {
                if (!faults_.object(part)) continue;
                const std::string_view type = required_text(part, "type");
                if (type == "text") {
                    if (!text.empty()) text += '\n';
                    text += required_text(part, "text");
                } else {
                    more = write_part(part, type, after) || more;
                }
            }
        writer_.begin_object().member("role", "tool");
        writer_.member("tool_call_id", required_text(block, "tool_use_id"));
        writer_.member("content", text).end_object();
        return more;
    }

    void write_assistant(const Value& blocks) {
        std::string text;
        std::string calls;
        json::Writer writer(calls);
        writer.begin_array();
        bool called = false;
        for (const Value block : blocks) {
            if (!faults_.object(block)) continue;
            const std::string_view type = required_text(block, "type");
            if (type == "text") {
                text += required_text(block, "text");
            } else if (type == "tool_use") {
                called = true;
                const auto input = block.find("input");
                writer.begin_object().member("id", required_text(block, "id"));
                writer.member("type", "function").key("function").begin_object();
                writer.member("name", required_text(block, "name"));
                writer.member("arguments", input ? input->raw() : std::string_view("{}"));
                writer.end_object().end_object();
            } else {
                untold(block);
            }
        }
        writer.end_array();
        if (text.empty() && !called) return;
        writer_.begin_object().member("role", "assistant").key("content");
        if (text.empty()) writer_.null();
        else writer_.value(text);
        if (called) writer_.key("tool_calls").raw(calls);
        writer_.end_object();
    }

    void write_tools(const Value& root) {
        const auto tools = root.find("tools");
        if (!tools || tools->is_null() || !faults_.array(*tools, limits::tools)) return;
        std::string out;
        json::Writer writer(out);
        writer.begin_array();
        bool any = false;
        for (const Value tool : *tools) {
            if (!faults_.object(tool)) continue;
            const auto type = tool.find("type");
            if (type && type->is(Kind::string) && type->text() != "custom") {
                untold(tool); // it runs at the provider
                continue;
            }
            any = true;
            writer.begin_object().member("type", "function").key("function").begin_object();
            writer.member("name", required_text(tool, "name"));
            if (const auto about = text_of(tool, "description"); !about.empty())
                writer.member("description", about);
            const auto schema = tool.find("input_schema");
            if (!schema) missing(tool.path() + ".input_schema");
            else if (faults_.object(*schema)) writer.key("parameters").raw(schema->raw());
            if (const auto strict = tool.find("strict"); strict && strict->is(Kind::boolean))
                writer.key("strict").boolean(strict->boolean());
            writer.end_object().end_object();
        }
        writer.end_array();
        if (!any) return;
        writer_.key("tools").raw(out);
        write_tool_choice(root);
    }

    void write_tool_choice(const Value& root) {
        const auto choice = root.find("tool_choice");
        if (!choice || choice->is_null() || !faults_.object(*choice)) return;
        const std::string_view type = required_text(*choice, "type");
        if (type == "any") writer_.member("tool_choice", "required");
        else if (type == "auto" || type == "none") writer_.member("tool_choice", type);
        else if (type == "tool") {
            writer_.key("tool_choice").begin_object().member("type", "function");
            writer_.key("function").begin_object();
            writer_.member("name", required_text(*choice, "name")).end_object().end_object();
        } else {
            invalid(*choice, "a type of auto, any, tool or none");
        }
        if (const auto one = choice->find("disable_parallel_tool_use");
            one && faults_.boolean(*one).value_or(false))
            writer_.key("parallel_tool_calls").boolean(false);
    }

    void write_settings(const Value& root) {
        if (const auto stream = root.find("stream"))
            if (const auto on = faults_.boolean(*stream)) writer_.key("stream").boolean(*on);
        for (const std::string_view key : {"temperature", "top_p"})
            if (const auto value = root.find(key))
                if (faults_.number(*value, 0, 1)) writer_.key(key).raw(value->raw());
        if (const auto stop = root.find("stop_sequences"))
            if (!stop->is_null() && faults_.array(*stop, limits::messages) && stop->size() > 0)
                writer_.key("stop").raw(stop->raw());
        if (const auto metadata = root.find("metadata"); metadata && metadata->is(Kind::object))
            if (const auto user = text_of(*metadata, "user_id"); !user.empty())
                writer_.member("user", user);
        write_effort(root);
        write_format(root);
    }

    void write_effort(const Value& root) {
        const auto config = root.find("output_config");
        std::string_view effort = config ? text_of(*config, "effort") : std::string_view();
        const auto thinking = root.find("thinking");
        const std::string_view mode = thinking ? text_of(*thinking, "type") : std::string_view();
        if (effort.empty() && mode == "enabled") {
            const std::int64_t budget = count_of(*thinking, "budget_tokens").value_or(0);
            effort = budget < 4096 ? "low" : budget < 16384 ? "medium" : "high";
        }
        if (effort.empty() && mode == "adaptive") effort = "medium";
        if (!effort.empty() && mode != "disabled") writer_.member("reasoning_effort", effort);
    }

    void write_format(const Value& root) {
        const auto config = root.find("output_config");
        auto format = config && config->is(Kind::object) ? config->find("format") : std::nullopt;
        if (!format) format = root.find("output_format"); // its name while it was new
        const auto schema =
            format && format->is(Kind::object) ? format->find("schema") : std::nullopt;
        if (!schema) return;
        writer_.key("response_format").begin_object().member("type", "json_schema");
        writer_.key("json_schema").begin_object().member("name", "answer");
        writer_.key("schema").raw(schema->raw()).key("strict").boolean(true);
        writer_.end_object().end_object();
    }

    Bound bound_;
    chat::Faults faults_;
    std::string chat_;
    json::Writer writer_;
    std::vector<std::string> untold_;
    std::size_t untold_bytes_ = 0;
    std::size_t referred_bytes_ = 0;
};

} // namespace

Result<chat::ChatRequest> parse_messages(std::string_view body) {
    return Reader(Bound::required).read(body);
}

Result<chat::ChatRequest> parse_messages_to_count(std::string_view body) {
    return Reader(Bound::absent).read(body);
}

} // namespace weir::dialects
