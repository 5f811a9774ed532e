#include "dialects/responses/request_in.h"

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

// Members that are read, or that mean nothing to another provider.
constexpr std::array<std::string_view, 25> understood{"model",
                                                      "input",
                                                      "instructions",
                                                      "previous_response_id",
                                                      "tools",
                                                      "tool_choice",
                                                      "parallel_tool_calls",
                                                      "max_output_tokens",
                                                      "temperature",
                                                      "top_p",
                                                      "text",
                                                      "reasoning",
                                                      "store",
                                                      "background",
                                                      "stream",
                                                      "stream_options",
                                                      "truncation",
                                                      "metadata",
                                                      "service_tier",
                                                      "user",
                                                      "safety_identifier",
                                                      "prompt_cache_key",
                                                      "prompt_cache_retention",
                                                      "conversation",
                                                      "prompt_cache_options"};

class Reader {
public:
    Reader() : writer_(chat_), echo_writer_(echo_) {}

    Result<chat::ChatRequest> read(std::string_view body) {
        WEIR_TRY(json::Document document, json::Document::parse(body));
        const Value root = document.root();
        if (!root.is(Kind::object))
            return refuse(Errc::invalid_type, "Invalid type for the body: expected an object.");
        auto original = std::make_unique<chat::Original>(
            chat::Native::responses, *json::Document::parse("{}"), std::vector<chat::Member>(),
            std::vector<std::string>(), std::size_t{0}, std::string());
        writer_.begin_object();
        echo_writer_.begin_object();
        write_model(root);
        write_messages(root);
        write_tools(root);
        write_settings(root);
        writer_.end_object();
        echo_writer_.end_object();
        for (const Value member : root) {
            original->members.push_back({member.key(), member.raw()});
            const bool known = std::ranges::find(understood, member.key()) != understood.end();
            const bool empty = member.is_null() || (member.is(Kind::array) && member.size() == 0);
            if (!known && !empty) untold(member);
        }
        if (!faults_.none()) return refuse(std::move(faults_).error());
        original->untold = std::move(untold_);
        original->untold_bytes = untold_bytes_;
        original->echo = std::move(echo_);
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
    std::string_view required_text(const Value& object, std::string_view key) {
        const auto value = object.find(key);
        if (faults_.full()) return {};
        if (!value) {
            missing(fmt::format("{}.{}", object.path(), key));
            return {};
        }
        if (!value->is(Kind::string)) faults_.wrong_type(*value, "a string");
        return value->is(Kind::string) ? value->text() : std::string_view();
    }

    void write_model(const Value& root) {
        const auto model = root.find("model");
        if (!model) return missing("model");
        if (model->is_null()) return faults_.wrong_type(*model, "a string");
        if (const auto name = faults_.text(*model)) writer_.member("model", *name);
    }

    void write_messages(const Value& root) {
        writer_.key("messages").begin_array();
        echo_writer_.key("instructions");
        const auto instructions = root.find("instructions");
        if (instructions && instructions->is(Kind::string)) {
            echo_writer_.raw(instructions->raw());
            writer_.begin_object().member("role", "system");
            writer_.member("content", instructions->text()).end_object();
        } else {
            if (instructions && !instructions->is_null())
                faults_.wrong_type(*instructions, "a string");
            echo_writer_.null();
        }
        const auto input = root.find("input");
        if (!input || input->is_null()) {
            missing("input");
        } else if (input->is(Kind::string)) {
            writer_.begin_object().member("role", "user").member("content", input->text());
            writer_.end_object();
        } else if (faults_.array(*input, limits::messages)) {
            write_items(*input);
        }
        flush_turn();
        writer_.end_array();
    }

    void write_items(const Value& input) {
        for (const Value item : input) {
            if (!faults_.object(item)) continue;
            std::string_view type = text_of(item, "type");
            if (type.empty() && item.find("role")) type = "message";
            if (type == "reasoning") continue; // it belongs to the provider that made it
            const auto content = item.find("content");
            const bool said = type == "message" && text_of(item, "role") == "assistant" && content;
            if (!said && type != "function_call") flush_turn();
            if (said) add_said(*content);
            else if (type == "message") write_message(item);
            else if (type == "function_call") add_call(item);
            else if (type == "function_call_output") write_output(item);
            else if (type.empty() || type == "item_reference")
                faults_.add(Errc::invalid_value, item.path(),
                            fmt::format("Invalid '{}': there is no item of that id.", item.path()));
            else untold(item);
        }
    }

    void add_call(const Value& item) {
        json::Writer writer(calls_);
        if (!calls_.empty()) calls_.push_back(',');
        writer.begin_object().member("id", required_text(item, "call_id"));
        writer.member("type", "function").key("function").begin_object();
        writer.member("name", required_text(item, "name"));
        writer.member("arguments", required_text(item, "arguments")).end_object().end_object();
    }
    // What the assistant says around its calls is one message with them: their results follow it.
    void add_said(const Value& content) {
        if (calls_.empty()) flush_turn();
        if (content.is(Kind::string)) {
            if (said_.empty()) only_said_ = content.raw();
            json::Writer writer(said_.emplace_back());
            writer.begin_object().member("type", "text").member("text", content.text());
            writer.end_object();
        } else if (faults_.array(content, limits::messages)) {
            for (const Value part : content) {
                if (!faults_.object(part)) continue;
                std::string made;
                json::Writer writer(made);
                if (write_part(part, writer)) said_.push_back(std::move(made));
            }
        }
    }
    void flush_turn() {
        if (said_.empty() && calls_.empty()) return;
        writer_.begin_object().member("role", "assistant").key("content");
        if (said_.empty()) {
            writer_.null();
        } else if (said_.size() == 1 && !only_said_.empty()) {
            writer_.raw(only_said_);
        } else {
            writer_.begin_array();
            for (const std::string& part : said_) writer_.raw(part);
            writer_.end_array();
        }
        if (!calls_.empty()) writer_.key("tool_calls").raw("[" + calls_ + "]");
        writer_.end_object();
        said_.clear();
        only_said_ = {};
        calls_.clear();
    }

    void write_output(const Value& item) {
        const auto output = item.find("output");
        std::string text;
        if (!output) missing(item.path() + ".output");
        else if (output->is(Kind::string)) text = output->text();
        else if (faults_.array(*output, limits::messages))
            for (const Value part : *output) {
                if (!faults_.object(part)) continue;
                if (text_of(part, "type") != "input_text") {
                    untold(part);
                    continue;
                }
                if (!text.empty()) text += '\n';
                text += required_text(part, "text");
            }
        writer_.begin_object().member("role", "tool");
        writer_.member("tool_call_id", required_text(item, "call_id"));
        writer_.member("content", text).end_object();
    }

    void write_message(const Value& item) {
        const std::string_view role = required_text(item, "role");
        const auto content = item.find("content");
        if (!content) return missing(item.path() + ".content");
        if (content->is(Kind::string)) {
            writer_.begin_object().member("role", role).member("content", content->text());
            writer_.end_object();
            return;
        }
        if (!faults_.array(*content, limits::messages)) return;
        std::string parts;
        json::Writer writer(parts);
        writer.begin_array();
        bool any = false;
        for (const Value part : *content)
            if (faults_.object(part)) any = write_part(part, writer) || any;
        writer.end_array();
        if (any) writer_.begin_object().member("role", role).key("content").raw(parts).end_object();
    }

    // Whether something was written.
    bool write_part(const Value& part, json::Writer& writer) {
        const std::string_view type = required_text(part, "type");
        if (type == "input_text" || type == "output_text") {
            writer.begin_object().member("type", "text");
            writer.member("text", required_text(part, "text")).end_object();
            return true;
        }
        if (type == "refusal") {
            writer.begin_object().member("type", "refusal");
            writer.member("refusal", required_text(part, "refusal")).end_object();
            return true;
        }
        if (type == "input_image" && !text_of(part, "image_url").empty()) {
            writer.begin_object().member("type", "image_url").key("image_url").begin_object();
            writer.member("url", text_of(part, "image_url"));
            if (const auto detail = text_of(part, "detail"); !detail.empty())
                writer.member("detail", detail);
            writer.end_object().end_object();
            return true;
        }
        if (type == "input_file" && !text_of(part, "file_data").empty()) {
            writer.begin_object().member("type", "file").key("file").begin_object();
            writer.member("filename", text_of(part, "filename"));
            writer.member("file_data", text_of(part, "file_data")).end_object().end_object();
            return true;
        }
        if (type == "input_audio") {
            const auto audio = part.find("input_audio");
            writer.begin_object().member("type", "input_audio").key("input_audio");
            writer.raw(audio ? audio->raw() : "{}").end_object();
            return true;
        }
        untold(part);
        return false;
    }

    void write_tools(const Value& root) {
        const auto tools = root.find("tools");
        const bool there = tools && !tools->is_null() && faults_.array(*tools, limits::tools);
        echo_writer_.key("tools").raw(there ? tools->raw() : "[]");
        const auto choice = root.find("tool_choice");
        const bool chosen = choice && !choice->is_null();
        echo_writer_.key("tool_choice").raw(chosen ? choice->raw() : "\"auto\"");
        if (!there) return;
        std::string out;
        json::Writer writer(out);
        writer.begin_array();
        bool any = false;
        for (const Value tool : *tools) {
            if (!faults_.object(tool)) continue;
            if (required_text(tool, "type") != "function") {
                untold(tool); // it runs at the provider
                continue;
            }
            any = true;
            writer.begin_object().member("type", "function").key("function").begin_object();
            writer.member("name", required_text(tool, "name"));
            if (const auto about = text_of(tool, "description"); !about.empty())
                writer.member("description", about);
            if (const auto schema = tool.find("parameters"); schema && schema->is(Kind::object))
                writer.key("parameters").raw(schema->raw());
            if (const auto strict = tool.find("strict"); strict && strict->is(Kind::boolean))
                writer.key("strict").boolean(strict->boolean());
            writer.end_object().end_object();
        }
        writer.end_array();
        if (!any) return;
        writer_.key("tools").raw(out);
        if (chosen) write_tool_choice(*choice);
    }

    void write_tool_choice(const Value& choice) {
        if (choice.is(Kind::string)) {
            writer_.key("tool_choice").raw(choice.raw());
            return;
        }
        if (!faults_.object(choice)) return;
        if (text_of(choice, "type") != "function") return untold(choice);
        writer_.key("tool_choice").begin_object().member("type", "function");
        writer_.key("function").begin_object();
        writer_.member("name", required_text(choice, "name")).end_object().end_object();
    }

    void write_settings(const Value& root) {
        if (const auto stream = root.find("stream"))
            if (const auto on = faults_.boolean(*stream)) writer_.key("stream").boolean(*on);
        const auto most = root.find("max_output_tokens");
        std::optional<std::int64_t> tokens;
        if (most) tokens = faults_.integer(*most, 1, limits::output_tokens);
        if (tokens) writer_.member("max_completion_tokens", *tokens);
        echo_writer_.member_or_null("max_output_tokens", tokens);
        write_number(root, "temperature", 2);
        write_number(root, "top_p", 1);
        const auto parallel = root.find("parallel_tool_calls");
        const bool together =
            !parallel || parallel->is_null() || faults_.boolean(*parallel).value_or(true);
        echo_writer_.key("parallel_tool_calls").boolean(together);
        if (!together) writer_.key("parallel_tool_calls").boolean(false);
        const auto user = root.find("user");
        if (user && user->is(Kind::string)) writer_.member("user", user->text());
        write_reasoning(root);
        write_text(root);
        const auto metadata = root.find("metadata");
        echo_writer_.key("metadata")
            .raw(metadata && metadata->is(Kind::object) ? metadata->raw() : "{}");
        const auto previous = root.find("previous_response_id");
        if (previous) (void)faults_.text(*previous);
        // Without what was said in it the answer would be another.
        if (const auto talk = root.find("conversation"); talk && !talk->is_null())
            faults_.add(Errc::unknown_parameter, "conversation",
                        "Conversations are not kept here; go on with 'previous_response_id'.");
        echo_writer_.key("previous_response_id")
            .raw(previous && previous->is(Kind::string) ? previous->raw() : "null");
        for (const std::string_view key : {"store", "background"}) {
            const auto value = root.find(key);
            const bool usual = key == "store";
            echo_writer_.key(key).boolean(
                bool(value ? faults_.boolean(*value).value_or(usual) : usual));
        }
        const auto truncation = root.find("truncation");
        echo_writer_.key("truncation")
            .raw(truncation && truncation->is(Kind::string) ? truncation->raw() : "\"disabled\"");
        if (truncation && text_of(root, "truncation") == "auto") untold(*truncation);
    }

    void write_number(const Value& root, std::string_view key, double max) {
        const auto value = root.find(key);
        const bool there = value && faults_.number(*value, 0, max).has_value();
        if (there) writer_.key(key).raw(value->raw());
        echo_writer_.key(key).raw(there ? value->raw() : "1");
    }

    void write_reasoning(const Value& root) {
        const auto reasoning = root.find("reasoning");
        const bool there = reasoning && !reasoning->is_null() && faults_.object(*reasoning);
        echo_writer_.key("reasoning")
            .raw(there ? reasoning->raw() : R"({"effort":null,"summary":null})");
        if (!there) return;
        if (const auto effort = text_of(*reasoning, "effort"); !effort.empty())
            writer_.member("reasoning_effort", effort);
    }

    void write_text(const Value& root) {
        const auto text = root.find("text");
        const auto format =
            text && text->is(Kind::object) ? text->find("format") : std::optional<Value>();
        const bool there = format && format->is(Kind::object);
        if (text && text->is(Kind::object))
            if (const auto verbosity = text_of(*text, "verbosity"); !verbosity.empty())
                writer_.member("verbosity", verbosity);
        echo_writer_.key("text").begin_object().key("format");
        echo_writer_.raw(there ? format->raw() : R"({"type":"text"})").end_object();
        if (!there) return;
        const std::string_view type = text_of(*format, "type");
        if (type == "json_object") {
            writer_.key("response_format").raw(R"({"type":"json_object"})");
        } else if (type == "json_schema") {
            writer_.key("response_format").begin_object().member("type", "json_schema");
            writer_.key("json_schema").begin_object();
            for (const Value member : *format)
                if (member.key() != "type") writer_.key(member.key()).raw(member.raw());
            writer_.end_object().end_object();
        }
    }

    chat::Faults faults_;
    std::string chat_;
    std::string echo_;
    json::Writer writer_;
    json::Writer echo_writer_;
    // Of the assistant's turn that is being read: the parts it said, the first one as it was sent
    // where it was a text, and its calls as JSON values separated by commas.
    std::vector<std::string> said_;
    std::string_view only_said_;
    std::string calls_;
    std::vector<std::string> untold_;
    std::size_t untold_bytes_ = 0;
};

bool is_reference(const Value& item) {
    if (!item.is(Kind::object)) return false;
    const std::string_view type = text_of(item, "type");
    return type == "item_reference" || (type.empty() && item.size() == 1 && item.find("id"));
}

bool flag(const Value& root, std::string_view key, bool usual) {
    const auto value = root.is(Kind::object) ? root.find(key) : std::nullopt;
    return value && value->is(Kind::boolean) ? value->boolean() : usual;
}

} // namespace

Result<chat::ChatRequest> parse_responses(std::string_view body) { return Reader().read(body); }

ResponsesNeeds needs_of(std::string_view body) {
    ResponsesNeeds out;
    const auto document = json::Document::parse(body);
    if (!document || !document->root().is(Kind::object)) return out;
    out.previous = text_of(document->root(), "previous_response_id");
    const auto input = document->root().find("input");
    if (input && input->is(Kind::array))
        for (const Value item : *input)
            if (is_reference(item)) out.items.emplace_back(text_of(item, "id"));
    return out;
}

std::string with_earlier(std::string_view body, const EarlierItems& earlier) {
    const auto document = json::Document::parse(body);
    if (!document || !document->root().is(Kind::object)) return std::string(body);
    std::string items = earlier.talk();
    const auto add = [&](std::string_view item) {
        if (!items.empty() && !item.empty()) items.push_back(',');
        items += item;
    };
    if (const auto input = document->root().find("input")) {
        if (input->is(Kind::array)) {
            for (const Value item : *input) {
                const std::string known =
                    is_reference(item) ? earlier.item(text_of(item, "id")) : std::string();
                add(known.empty() ? item.raw() : std::string_view(known));
            }
        } else if (input->is(Kind::string)) {
            std::string message;
            json::Writer writer(message);
            writer.begin_object().member("role", "user").member("content", input->text());
            writer.end_object();
            add(message);
        }
    }
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    for (const Value member : document->root())
        if (member.key() != "input") writer.key(member.key()).raw(member.raw());
    writer.key("input").raw("[" + items + "]").end_object();
    return out;
}

std::string input_items(std::string_view body) {
    const auto document = json::Document::parse(body);
    std::string out;
    const auto input = document && document->root().is(Kind::object)
                           ? document->root().find("input")
                           : std::nullopt;
    if (!input) return out;
    if (input->is(Kind::array)) {
        for (const Value item : *input) {
            if (!out.empty()) out.push_back(',');
            out += item.raw();
        }
    } else if (input->is(Kind::string)) {
        json::Writer writer(out);
        writer.begin_object().member("role", "user").member("content", input->text());
        writer.end_object();
    }
    return out;
}

ResponsesWishes wishes_of(std::string_view body) {
    const auto document = json::Document::parse(body);
    if (!document) return {};
    return {flag(document->root(), "store", true), flag(document->root(), "background", false)};
}

} // namespace weir::dialects
