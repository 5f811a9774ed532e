#include "chat/chat_event.h"

namespace weir::chat {
namespace {

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

} // namespace

Extensions::Extensions(std::string_view chunk, std::string_view choice, std::string_view delta,
                       Native native) {
    if (chunk.empty() && choice.empty() && delta.empty()) return;
    std::string text;
    text.reserve(chunk.size() + choice.size() + delta.size());
    text.append(chunk).append(choice).append(delta);
    const auto choice_at = static_cast<std::uint32_t>(chunk.size());
    const auto delta_at = static_cast<std::uint32_t>(chunk.size() + choice.size());
    members_ = std::make_shared<const Members>(std::move(text), choice_at, delta_at, native);
}

bool is_meaningful(const ChatEvent& event) {
    return std::visit(Match{
                          [](const Started&) { return false; },
                          [](const TextDelta& e) { return !e.text.empty(); },
                          [](const ReasoningDelta& e) { return !e.text.empty(); },
                          [](const RefusalDelta& e) { return !e.text.empty(); },
                          [](const ToolCallDelta&) { return true; },
                          [](const OtherDelta&) { return false; },
                          [](const ChoiceFinished&) { return true; },
                          [](const UsageReport&) { return false; },
                      },
                      event);
}

std::size_t output_bytes(const ChatEvent& event) {
    return std::visit(
        Match{
            [](const Started&) { return std::size_t{0}; },
            [](const TextDelta& e) { return e.text.size() + e.extensions.output().size(); },
            [](const ReasoningDelta& e) { return e.text.size() + e.extensions.output().size(); },
            [](const RefusalDelta& e) { return e.text.size() + e.extensions.output().size(); },
            [](const ToolCallDelta& e) {
                return e.name().size() + e.arguments.size() + e.extensions().size();
            },
            [](const OtherDelta& e) { return e.extensions.output().size(); },
            [](const ChoiceFinished& e) { return e.extensions.output().size(); },
            [](const UsageReport&) { return std::size_t{0}; },
        },
        event);
}

void append_output(const ChatEvent& event, std::string& out) {
    std::visit(
        Match{
            [](const Started&) {},
            [&](const TextDelta& e) { (out += e.text) += e.extensions.output(); },
            [&](const ReasoningDelta& e) { (out += e.text) += e.extensions.output(); },
            [&](const RefusalDelta& e) { (out += e.text) += e.extensions.output(); },
            [&](const ToolCallDelta& e) { ((out += e.name()) += e.arguments) += e.extensions(); },
            [&](const OtherDelta& e) { out += e.extensions.output(); },
            [&](const ChoiceFinished& e) { out += e.extensions.output(); },
            [](const UsageReport&) {},
        },
        event);
}

void OutputText::add(const ChatEvent& event) {
    const std::size_t choice = std::visit(
        [](const auto& e) -> std::size_t {
            if constexpr (requires { e.choice; }) return e.choice % 64;
            else return 0;
        },
        event);
    if (choices_.size() <= choice) choices_.resize(choice + 1);
    append_output(event, choices_[choice]);
}

std::string OutputText::text() const {
    std::string out;
    for (const std::string& one : choices_) out += one;
    return out;
}

std::size_t kept_bytes(const ChatEvent& event) {
    const std::size_t extra = std::visit(
        Match{
            [](const Started& e) { return e.id.size() + e.model.size() + e.extensions.bytes(); },
            [](const TextDelta& e) { return e.text.size() + e.extensions.bytes(); },
            [](const ReasoningDelta& e) { return e.text.size() + e.extensions.bytes(); },
            [](const RefusalDelta& e) { return e.text.size() + e.extensions.bytes(); },
            [](const ToolCallDelta& e) {
                return e.id().size() + e.name().size() + e.arguments.size() + e.extensions().size();
            },
            [](const OtherDelta& e) { return e.extensions.bytes(); },
            [](const ChoiceFinished& e) { return e.reason.size() + e.extensions.bytes(); },
            [](const UsageReport& e) { return e.raw.size(); },
        },
        event);
    return sizeof(ChatEvent) + extra;
}

} // namespace weir::chat
