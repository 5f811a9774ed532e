#include "dialects/openai/answer.h"

#include "base/text.h"
#include "dialects/answer_text.h"
#include "dialects/merged_members.h"
#include "json/document.h"
#include "json/writer.h"

#include <algorithm>

namespace weir::dialects {
namespace {

using chat::ChatEvent;
using json::Kind;
using json::Value;

std::string text_of(const std::optional<Value>& value) {
    return value && value->is(Kind::string) ? std::string(value->text()) : std::string();
}

bool is_text(const std::optional<Value>& value, std::string_view text) {
    return value && value->is(Kind::string) && value->text() == text;
}

std::uint32_t index_of(const Value& value) {
    const auto index = value.find("index");
    if (!index || !index->is(Kind::integer) || index->integer() < 0 || index->integer() > 1024)
        return 0;
    return static_cast<std::uint32_t>(index->integer());
}

// nullopt where either count is missing or absurd: then the answer is counted here.
std::optional<chat::Usage> usage_of(const Value& object) {
    const auto input = count_of(object, "prompt_tokens");
    const auto output = count_of(object, "completion_tokens");
    if (!input || !output) return std::nullopt;
    chat::Usage usage;
    usage.input = Tokens(*input);
    usage.output = Tokens(*output);
    if (const auto details = object.find("prompt_tokens_details"))
        usage.cached_input =
            Tokens(std::min(count_of(*details, "cached_tokens").value_or(0), *input));
    if (const auto details = object.find("completion_tokens_details"))
        usage.reasoning =
            Tokens(std::min(count_of(*details, "reasoning_tokens").value_or(0), *output));
    return usage;
}

// An error that a provider put where an answer was expected, in any of the shapes in use.
std::optional<Error> error_in(const Value& root) {
    const auto error = root.find("error");
    std::string words;
    if (error && error->is(Kind::object)) words = text_of(error->find("message"));
    else if (error && error->is(Kind::string)) words = error->text();
    else if (is_text(root.find("object"), "error")) words = text_of(root.find("message"));
    else if (!error || error->is_null()) return std::nullopt;
    return Error(Errc::upstream_error).because("error inside the answer: " + clip(words, 200));
}

// Reads chunks and completions alike: both are choices around a delta or a message.
class ChunkReader {
public:
    explicit ChunkReader(std::vector<ChatEvent>& out) : out_(out) {}

    // Whether a chunk is the first of an answer. What comes before may have no name and no content:
    // Azure's verdict on the question does.
    bool begins(const Value& root) const {
        const auto choices = root.find("choices");
        return !text_of(root.find("id")).empty() || (choices && choices->size() > 0);
    }
    // The unknown members around it, with those of earlier chunks; several may say the same.
    std::string take_head(const std::string& earlier) {
        if (earlier.empty()) return std::exchange(chunk_extensions_, {});
        MergedMembers merged;
        merged.add(earlier);
        merged.add(std::exchange(chunk_extensions_, {}));
        std::string out;
        merged.append_to(out);
        return out.empty() ? out : out.substr(1);
    }
    // The answer's id, model and time: every chunk repeats them.
    void start(const Value& root, const std::string& earlier) {
        chat::Started started;
        started.id = text_of(root.find("id"));
        started.model = text_of(root.find("model"));
        if (const auto created = root.find("created"); created && created->is(Kind::integer))
            started.created = created->integer();
        started.extensions = chat::Extensions(take_head(earlier), {}, {});
        out_.emplace_back(std::move(started));
    }
    void read_head(const Value& root, std::string_view content_key) {
        content_key_ = content_key;
        for (const Value member : root) {
            const std::string_view key = member.key();
            if (key != "id" && key != "model" && key != "created" && key != "object" &&
                key != "choices" && key != "usage")
                append_member(chunk_extensions_, member);
        }
    }
    void read_choices(const Value& root) {
        const auto choices = root.find("choices");
        if (choices && choices->is(Kind::array))
            for (const Value choice : *choices)
                if (choice.is(Kind::object)) read_choice(choice);
    }
    void read_usage(const Value& root) {
        const auto usage = root.find("usage");
        if (!usage || !usage->is(Kind::object)) return;
        if (const auto counted = usage_of(*usage)) {
            chat::UsageReport report;
            report.usage = *counted;
            report.raw = one_line(usage->raw());
            out_.emplace_back(std::move(report));
        }
    }
    const ChoicesSeen& choices() const { return seen_; }
    // As it is written, between its quotes: of the last text there was.
    std::string_view text_written() const { return text_written_; }

private:
    chat::Extensions take_extensions() {
        // They belong to the first event that this chunk makes.
        chat::Extensions taken(chunk_extensions_, choice_extensions_, delta_extensions_);
        chunk_extensions_.clear();
        choice_extensions_.clear();
        delta_extensions_.clear();
        return taken;
    }

    void read_choice(const Value& choice) {
        choice_ = index_of(choice);
        seen_.begun |= ChoicesSeen::bit_of(choice_);
        std::string reason;
        std::optional<Value> delta;
        for (const Value member : choice) {
            const std::string_view key = member.key();
            if (key == "index") continue;
            if (key == content_key_) delta = member;
            else if (key == "finish_reason") reason = text_of(member);
            // The other's name for the content: some say all of it once more in the last chunk.
            else if (key == "delta" || key == "message") continue;
            else append_member(choice_extensions_, member);
        }
        if (delta && delta->is(Kind::object)) read_delta(*delta);
        if (!reason.empty()) {
            seen_.finished |= ChoicesSeen::bit_of(choice_);
            out_.emplace_back(chat::ChoiceFinished{choice_, std::move(reason), take_extensions()});
        } else if (!delta_extensions_.empty() || has_value(choice_extensions_)) {
            out_.emplace_back(chat::OtherDelta{choice_, take_extensions()});
        }
        choice_extensions_.clear();
        delta_extensions_.clear();
    }

    // Providers send `"logprobs":null` with every chunk: nothing to make an event of.
    static bool has_value(std::string_view extensions) {
        return !extensions.empty() && extensions != "\"logprobs\":null";
    }

    void read_delta(const Value& delta) {
        for (const Value member : delta) {
            const std::string_view key = member.key();
            const bool known = key == "role" || key == "content" || key == "refusal" ||
                               key == "reasoning_content" || key == "reasoning" ||
                               key == "tool_calls";
            if (!known) append_member(delta_extensions_, member);
        }
        for (const Value member : delta) {
            const std::string_view key = member.key();
            if (key == "tool_calls" && member.is(Kind::array)) {
                std::uint32_t position = 0;
                for (const Value call : member)
                    if (call.is(Kind::object)) read_call(call, position++);
            } else if (member.is(Kind::string) && !member.text().empty()) {
                text_written_ = member.raw().substr(1, member.raw().size() - 2);
                read_text(key, std::string(member.text()));
            }
        }
    }

    void read_text(std::string_view key, std::string text) {
        if (key == "content")
            out_.emplace_back(chat::TextDelta{choice_, std::move(text), take_extensions()});
        else if (key == "refusal")
            out_.emplace_back(chat::RefusalDelta{choice_, std::move(text), take_extensions()});
        else if (key == "reasoning_content" || key == "reasoning")
            out_.emplace_back(chat::ReasoningDelta{choice_, std::move(text), std::string(key),
                                                   take_extensions()});
    }

    void read_call(const Value& call, std::uint32_t position) {
        chat::ToolCallDelta out;
        chat::ToolCallDelta::Called called;
        out.choice = choice_;
        out.call = call.find("index") ? index_of(call) : position;
        for (const Value member : call) {
            const std::string_view key = member.key();
            if (key == "id") called.id = text_of(member);
            else if (key == "function" && member.is(Kind::object)) {
                called.name = text_of(member.find("name"));
                out.arguments = text_of(member.find("arguments"));
            } else if (key != "index" && key != "type") {
                append_member(called.extensions, member);
            }
        }
        if (!called.id.empty() || !called.name.empty() || !called.extensions.empty())
            out.called = std::make_shared<const chat::ToolCallDelta::Called>(std::move(called));
        out_.emplace_back(std::move(out));
    }

    std::vector<ChatEvent>& out_;
    std::string_view content_key_;
    std::string chunk_extensions_;
    std::string choice_extensions_;
    std::string delta_extensions_;
    std::uint32_t choice_ = 0;
    ChoicesSeen seen_;
    std::string_view text_written_;
};

} // namespace

Result<void> OpenAiStreamDecoder::decode(const wire::SseEvent& event, std::vector<ChatEvent>& out) {
    const std::string_view data = trim(event.data);
    if (data == "[DONE]") {
        done_ = true;
        return {};
    }
    if (!data.starts_with('{')) {
        ++skipped_;
        return {};
    }
    if (auto again = repeated_.read(data)) {
        out.emplace_back(*std::move(again));
        return {};
    }
    // What is parsed is read in the same memory, one event after another.
    thread_local json::Reader reading;
    const auto read = reading.read(data);
    if (!read) {
        // Under a name that this dialect does not know it is somebody else's word.
        const bool known = event.name.empty() || event.name == "message" || event.name == "error";
        if (!known) {
            ++skipped_;
            return {};
        }
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged event: " + std::string(read.error().message())));
    }
    const Value root = *read;
    if (auto error = error_in(root)) return std::unexpected(*std::move(error));
    const std::size_t before = out.size();
    ChunkReader reader(out);
    reader.read_head(root, "delta");
    if (!started_ && !reader.begins(root)) {
        if (early_.size() < limits::upstream_event_bytes) early_ = reader.take_head(early_);
        return {};
    }
    if (!started_) reader.start(root, std::exchange(early_, {}));
    started_ = true;
    reader.read_choices(root);
    reader.read_usage(root);
    choices_.begun |= reader.choices().begun;
    choices_.finished |= reader.choices().finished;
    // The document's text is a copy of the chunk, so places in it are places in the chunk.
    const auto* const text =
        out.size() == before + 1 ? std::get_if<chat::TextDelta>(&out.back()) : nullptr;
    const std::string_view written = reader.text_written();
    if (text != nullptr && written.size() == text->text.size() && root.raw().size() == data.size())
        repeated_.keep(data, static_cast<std::size_t>(written.data() - root.raw().data()), *text);
    return {};
}

Result<std::vector<ChatEvent>> decode_openai_answer(std::string_view body) {
    const auto document = json::Document::parse(body);
    if (!document) {
        return refuse(Error(Errc::upstream_malformed)
                          .because("damaged answer: " + std::string(document.error().message())));
    }
    const Value root = document->root();
    if (auto error = error_in(root)) return std::unexpected(*std::move(error));
    std::vector<ChatEvent> out;
    ChunkReader reader(out);
    reader.read_head(root, "message");
    reader.start(root, {});
    reader.read_choices(root);
    reader.read_usage(root);
    if (!reader.choices().all_finished())
        return refuse(Error(Errc::stream_truncated).because("an answer without a finish_reason"));
    return out;
}

} // namespace weir::dialects
