#include "dialects/anthropic/request_out.h"

#include "base/text.h"
#include "dialects/translation.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>
#include <vector>

namespace weir::dialects {
namespace {

using json::Kind;
using json::Value;

// Turns of one speaker are one message there.
struct Turn {
    std::string_view role;
    std::vector<std::string> blocks;
};

std::string text_block(std::string_view text) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("type", "text").member("text", text).end_object();
    return out;
}

// "claude-sonnet-4-5-…" is 4.5; a longer number is a date. Negative where the name says nothing.
double version_of(std::string_view model) {
    for (const std::string_view line : {"opus-", "sonnet-", "haiku-"}) {
        const std::size_t at = model.find(line);
        if (at == std::string_view::npos) continue;
        const std::string_view rest = model.substr(at + line.size());
        const auto digit = [&](std::size_t i) {
            return i < rest.size() && rest[i] >= '0' && rest[i] <= '9' ? rest[i] - '0' : -1;
        };
        const bool minor = digit(2) >= 0 && rest[1] == '-' && digit(3) < 0;
        return digit(0) + (minor ? digit(2) / 10.0 : 0.0);
    }
    return model.contains("fable") ? 9 : -1;
}

// The generations that take no temperature and top_p any more.
bool refuses_sampling(std::string_view model) {
    const double since = model.contains("opus-") ? 4.65 : model.contains("haiku-") ? 5.45 : 4.95;
    return version_of(model) >= since;
}

// Those that choose by themselves how much they think, and take no number any more.
bool thinks_by_itself(std::string_view model) { return version_of(model) >= 4.55; }

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
        WEIR_CHECK(read_messages());
        writer_.begin_object().member("model", terms_.model);
        writer_.member("max_tokens",
                       request_.max_output_tokens().value_or(terms_.max_output_tokens));
        write_blocks("system", system_);
        writer_.key("messages").begin_array();
        for (const Turn& turn : turns_) {
            writer_.begin_object().member("role", turn.role);
            write_blocks("content", turn.blocks);
            writer_.end_object();
        }
        writer_.end_array();
        write_tools();
        WEIR_CHECK(write_settings());
        if (terms_.delivery == chat::Delivery::streamed) writer_.key("stream").boolean(true);
        writer_.end_object();
        fields_.name_dropped({"messages", "max_tokens", "max_completion_tokens", "tools",
                              "tool_choice", "parallel_tool_calls", "stop", "temperature", "top_p",
                              "user", "response_format", "reasoning_effort"},
                             dropped_);
        return {};
    }

private:
    void write_blocks(std::string_view key, const std::vector<std::string>& blocks) {
        if (blocks.empty()) return;
        writer_.key(key).begin_array();
        for (const std::string& block : blocks) writer_.raw(block);
        writer_.end_array();
    }

    std::vector<std::string>& turn(std::string_view role) {
        if (turns_.empty() || turns_.back().role != role) turns_.push_back({role, {}});
        return turns_.back().blocks;
    }

    Result<void> read_messages() {
        const auto messages = fields_.find("messages", Kind::array);
        if (!messages) return {};
        bool begun = false;
        for (const Value message : *messages) {
            const std::string_view role = text_of(message, "role");
            const auto content = message.find("content");
            answers_a_call_ = role == "tool" || role == "function";
            if (role == "system" || role == "developer") {
                // Where it stands in the middle of a talk it is said by the user's side.
                const std::string text = content ? plain_text(*content) : std::string();
                if (!text.empty()) (begun ? turn("user") : system_).push_back(text_block(text));
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
        std::erase_if(turns_, [](const Turn& t) { return t.blocks.empty(); });
        return {};
    }

    Result<void> read_user(const Value& content) {
        std::vector<std::string>& blocks = turn("user");
        if (content.is(Kind::string)) {
            if (!content.text().empty()) blocks.push_back(text_block(content.text()));
            return {};
        }
        for (const Value part : content) {
            const std::string_view type = text_of(part, "type");
            if (type == "text") {
                if (const auto text = text_of(part, "text"); !text.empty())
                    blocks.push_back(text_block(text));
            } else if (type == "image_url") {
                WEIR_TRY(std::string block, image_block(part));
                blocks.push_back(std::move(block));
            } else if (type == "file") {
                WEIR_TRY(std::string block, file_block(part));
                blocks.push_back(std::move(block));
            } else {
                return cannot_say(part, fmt::format("content of type '{}'", clip(type, 32)));
            }
        }
        return {};
    }

    static Result<std::string> image_block(const Value& part) {
        const auto image = part.find("image_url");
        const std::string_view url = image ? text_of(*image, "url") : std::string_view();
        std::string out;
        json::Writer writer(out);
        writer.begin_object().member("type", "image").key("source").begin_object();
        if (const auto data = parse_data_url(url)) {
            writer.member("type", "base64").member("media_type", data->media_type);
            writer.member("data", data->data);
        } else if (url.starts_with("https://") || url.starts_with("http://")) {
            writer.member("type", "url").member("url", url);
        } else {
            return cannot_say(part, "image that is neither a data: URL nor an http one");
        }
        writer.end_object().end_object();
        return out;
    }

    static Result<std::string> file_block(const Value& part) {
        const auto file = part.find("file");
        const auto data =
            file ? parse_data_url(text_of(*file, "file_data")) : std::optional<DataUrl>();
        if (!data || data->media_type != "application/pdf")
            return cannot_say(part, "file but a PDF as a data: URL");
        std::string out;
        json::Writer writer(out);
        writer.begin_object().member("type", "document").key("source").begin_object();
        writer.member("type", "base64").member("media_type", data->media_type);
        writer.member("data", data->data).end_object();
        if (const auto name = text_of(*file, "filename"); !name.empty())
            writer.member("title", name);
        writer.end_object();
        return out;
    }

    Result<void> read_assistant(const Value& message, const std::optional<Value>& content) {
        std::vector<std::string>& blocks = turn("assistant");
        if (content)
            if (const std::string text = plain_text(*content); !text.empty())
                blocks.push_back(text_block(text));
        if (const auto refusal = text_of(message, "refusal"); !refusal.empty())
            blocks.push_back(text_block(refusal));
        const auto calls = message.find("tool_calls");
        if (!calls || !calls->is(Kind::array)) return {};
        for (const Value call : *calls) {
            const auto function = call.find("function");
            if (!function || !function->is(Kind::object))
                return cannot_say(call, "tool call but one of a function");
            std::string input = "{}";
            if (const auto arguments = function->find("arguments")) {
                WEIR_TRY(input, arguments_object(*arguments));
            }
            std::string block;
            json::Writer writer(block);
            writer.begin_object().member("type", "tool_use");
            writer.member("id", anthropic_call_id(text_of(call, "id")));
            writer.member("name", text_of(*function, "name")).key("input").raw(input).end_object();
            blocks.push_back(std::move(block));
        }
        return {};
    }

    // All results of a turn stand first in the user's next message.
    void read_result(const Value& message, const std::optional<Value>& content) {
        std::vector<std::string>& blocks = turn("user");
        std::string block;
        json::Writer writer(block);
        writer.begin_object().member("type", "tool_result");
        writer.member("tool_use_id", anthropic_call_id(text_of(message, "tool_call_id")));
        if (content) writer.member("content", plain_text(*content));
        writer.end_object();
        const auto first_other = std::ranges::find_if(blocks, [](const std::string& b) {
            return !b.starts_with(R"({"type":"tool_result")");
        });
        blocks.insert(first_other, std::move(block));
    }

    void write_tools() {
        const auto tools = fields_.find("tools", Kind::array);
        if (!tools || tools->size() == 0) return;
        writer_.key("tools").begin_array();
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
            writer_.key("input_schema")
                .raw(schema && schema->is(Kind::object) ? schema->raw() : R"({"type":"object"})");
            if (const auto strict = function->find("strict");
                strict && strict->is(Kind::boolean) && strict->boolean())
                writer_.key("strict").boolean(true);
            writer_.end_object();
        }
        writer_.end_array();
        write_tool_choice();
    }

    void write_tool_choice() {
        const auto choice = fields_.find("tool_choice");
        const auto parallel = fields_.find("parallel_tool_calls", Kind::boolean);
        const bool one_at_a_time = parallel && !parallel->boolean();
        if (!choice && !one_at_a_time) return;
        writer_.key("tool_choice").begin_object();
        std::string_view type = "auto";
        if (choice && choice->is(Kind::string)) {
            if (choice->text() == "none") type = "none";
            if (choice->text() == "required") type = "any";
        }
        const auto function =
            choice && choice->is(Kind::object) ? choice->find("function") : std::nullopt;
        if (function) type = "tool";
        forced_tool_ = type == "any" || type == "tool";
        writer_.member("type", type);
        if (function) writer_.member("name", text_of(*function, "name"));
        if (one_at_a_time && type != "none") writer_.key("disable_parallel_tool_use").boolean(true);
        writer_.end_object();
    }

    Result<void> write_settings() {
        if (const auto stop = fields_.find("stop")) {
            writer_.key("stop_sequences");
            if (stop->is(Kind::array)) writer_.raw(stop->raw());
            else writer_.begin_array().value(stop->text()).end_array();
        }
        const bool thinks = write_thinking();
        for (const std::string_view key : {"temperature", "top_p"}) {
            const auto value = fields_.find(key);
            if (!value) continue;
            if (thinks || refuses_sampling(terms_.model)) {
                dropped_.emplace_back(key);
                continue;
            }
            writer_.key(key);
            if (value->number() > 1) writer_.value(1);
            else writer_.raw(value->raw());
        }
        if (const auto user = fields_.find("user", Kind::string))
            writer_.key("metadata").begin_object().member("user_id", user->text()).end_object();
        write_output_config();
        return {};
    }

    // Whether thought is asked for. It cannot be while a call is being answered whose own thought
    // the client has no words for, nor together with a tool that must be called.
    bool write_thinking() {
        const auto effort = fields_.find("reasoning_effort", Kind::string);
        if (!effort || effort->text() == "none" || forced_tool_ || answers_a_call_) return false;
        const std::string_view wish = effort->text();
        if (thinks_by_itself(terms_.model)) {
            writer_.key("thinking").begin_object().member("type", "adaptive");
            writer_.member("display", "summarized").end_object();
            return true;
        }
        constexpr std::int64_t least = 1024;
        const std::int64_t most =
            request_.max_output_tokens().value_or(terms_.max_output_tokens) - 1;
        const std::int64_t budget = wish == "high" || wish == "xhigh" ? 16384
                                    : wish == "medium"                ? 8192
                                                                      : 2048;
        if (most < least) return false;
        writer_.key("thinking").begin_object().member("type", "enabled");
        writer_.member("budget_tokens", std::min(budget, most)).end_object();
        return true;
    }

    void write_output_config() {
        const auto format = fields_.find("response_format", Kind::object);
        const auto schema = format ? format->find("json_schema") : std::nullopt;
        const auto inner = schema ? schema->find("schema") : std::nullopt;
        const auto effort = fields_.find("reasoning_effort", Kind::string);
        const bool tries = effort && effort->text() != "none" && thinks_by_itself(terms_.model);
        if (format && !inner && text_of(*format, "type") != "text")
            dropped_.emplace_back("response_format");
        if (!inner && !tries) return;
        writer_.key("output_config").begin_object();
        if (tries) writer_.member("effort", effort->text() == "minimal" ? "low" : effort->text());
        if (inner) {
            writer_.key("format").begin_object().member("type", "json_schema");
            writer_.key("schema").raw(inner->raw()).end_object();
        }
        writer_.end_object();
    }

    const chat::ChatRequest& request_;
    const Terms& terms_;
    ChatFields fields_;
    json::Writer writer_;
    Dropped& dropped_;
    std::vector<std::string> system_;
    std::vector<Turn> turns_;
    bool forced_tool_ = false;
    bool answers_a_call_ = false; // the last thing said is a tool's result
};

} // namespace

std::string anthropic_call_id(std::string_view id) {
    std::string out(id);
    std::ranges::replace_if(
        out,
        [](char c) {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            return !letter && !(c >= '0' && c <= '9') && c != '_' && c != '-';
        },
        '_');
    return out;
}

Result<void> encode_anthropic_request(const chat::ChatRequest& request, const Terms& terms,
                                      std::string& out, Dropped& dropped) {
    if (const chat::Original* const original = request.original();
        original != nullptr && original->native == chat::Native::anthropic) {
        json::Writer writer(out);
        writer.begin_object().member("model", terms.model);
        for (const chat::Member& member : original->members)
            if (member.key != "model" && member.key != "stream")
                writer.key(member.key).raw(member.raw);
        if (terms.delivery == chat::Delivery::streamed) writer.key("stream").boolean(true);
        writer.end_object();
        return {};
    }
    return Encoder(request, terms, out, dropped).encode();
}

} // namespace weir::dialects
