#include "chat/continuation.h"

#include "base/limits.h"
#include "json/writer.h"

#include <algorithm>

namespace weir::chat {
namespace {

// So much of the end may be repeated, and less than the least is taken for chance.
constexpr std::size_t repeated_most = 200;
constexpr std::size_t repeated_least = 8;

constexpr std::string_view wish =
    "Your answer broke off where your last message ends. Go on from exactly there, in the same "
    "language and form. Do not repeat anything, and do not comment on the interruption.";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }

void write_message(json::Writer& writer, std::string_view role, std::string_view content) {
    writer.begin_object().member("role", role).member("content", content).end_object();
}

} // namespace

bool can_be_continued(const ChatRequest& request) {
    const auto shapes_the_answer = [](const Member& member) {
        return member.key == "response_format" || member.key == "functions" ||
               member.key == "modalities" || member.key == "audio" || member.key == "logprobs";
    };
    return request.choices() == 1 && std::ranges::none_of(request.members(), shapes_the_answer);
}

Result<ChatRequest> ask_for_rest(const ChatRequest& request, std::string_view said,
                                 std::int64_t tokens_said) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    for (const Member& member : request.members()) {
        writer.key(member.key);
        if (member.key == "messages") {
            std::string messages(member.raw.substr(0, member.raw.rfind(']')));
            json::Writer more(messages);
            messages.push_back(',');
            write_message(more, "assistant", said);
            messages.push_back(',');
            json::Writer last(messages);
            write_message(last, "user", wish);
            messages.push_back(']');
            writer.raw(messages);
        } else if (member.key == "max_tokens" || member.key == "max_completion_tokens") {
            const std::int64_t most = request.max_output_tokens().value_or(0);
            if (most > 0) writer.value(std::max<std::int64_t>(1, most - tokens_said));
            else writer.raw(member.raw);
        } else {
            writer.raw(member.raw);
        }
    }
    writer.end_object();
    return parse(body);
}

Seam::Seam(std::string_view said)
    : tail_(said.substr(said.size() - std::min(said.size(), repeated_most))) {}

std::string Seam::join(std::string_view text) {
    if (joined_) return std::string(text);
    held_ += text;
    return held_.size() < repeated_most ? std::string() : finish();
}

std::string Seam::finish() {
    if (std::exchange(joined_, true)) return {};
    std::size_t repeated = 0;
    for (std::size_t length = std::min(tail_.size(), held_.size()); length >= repeated_least;
         --length) {
        if (!std::string_view(tail_).ends_with(std::string_view(held_).substr(0, length))) continue;
        repeated = length;
        break;
    }
    const bool spaces = repeated == 0 && !tail_.empty() && !held_.empty() &&
                        is_space(tail_.back()) && held_.front() == tail_.back();
    if (spaces) repeated = 1;
    return std::exchange(held_, {}).substr(repeated);
}

} // namespace weir::chat
