#include "gateway/responses.h"

#include "base/text.h"
#include "dialects/responses/request_in.h"
#include "gateway/closing.h"
#include "json/document.h"

#include <fmt/core.h>
#include <map>

namespace weir::gateway {
namespace {

constexpr std::string_view response_prefix = "resp_";
constexpr std::string_view stream_prefix = "strm_";
constexpr std::size_t referred_max = 64; // responses that one request may look into

// "msg_NAME_3" stands in the response NAME.
std::string response_of_item(std::string_view id) {
    const std::size_t begin = id.find('_');
    const std::size_t end = id.rfind('_');
    if (begin == std::string_view::npos || end <= begin) return {};
    return std::string(response_prefix) + std::string(id.substr(begin + 1, end - begin - 1));
}

class Found final : public dialects::EarlierItems {
public:
    const std::string& talk() const override { return talk_; }
    std::string item(std::string_view id) const override {
        const auto found = items_.find(id);
        return found == items_.end() ? std::string() : found->second;
    }
    void set_talk(std::string talk) { talk_ = std::move(talk); }
    void add(const streams::StoredResponse& response) {
        const auto document =
            json::Document::parse("[" + dialects::output_items(response.body) + "]");
        if (!document) return;
        for (const json::Value one : document->root())
            if (const auto id = one.find("id"); id && id->is(json::Kind::string))
                items_.emplace(id->text(), one.raw());
    }

private:
    std::string talk_;
    std::map<std::string, std::string, std::less<>> items_;
};

Error no_such_response(std::string_view id) {
    return Error(Errc::not_found,
                 fmt::format("Previous response with id '{}' not found.", clip(id, 64)))
        .at("previous_response_id");
}

std::vector<chat::ChatEvent> events_of(const std::shared_ptr<streams::StreamLog>& log,
                                       net::Loop& loop) {
    net::Signal unheard(loop);
    streams::StreamLog::Reader reader(log, loop, unheard, 0, streams::StreamLog::Presence::looks);
    std::vector<chat::ChatEvent> out;
    while (const chat::ChatEvent* const event = reader.next()) out.push_back(*event);
    return out;
}

dialects::ResponseNames names_of(const streams::StreamLog& log) {
    return {log.begun().answer_id, log.begun().echo};
}

} // namespace

std::string stream_of(std::string_view response) {
    if (!response.starts_with(response_prefix)) return {};
    return std::string(stream_prefix) + std::string(response.substr(response_prefix.size()));
}

net::Task<Result<std::string>> with_talk(Parts& parts, ThreadParts& mine, const Caller& caller,
                                         std::string body) {
    const dialects::ResponsesNeeds needs = dialects::needs_of(body);
    if (needs.previous.empty() && needs.items.empty()) co_return body;
    Found found;
    std::map<std::string, bool> wanted; // whether the talk of it is wanted too
    if (!needs.previous.empty()) wanted[needs.previous] = true;
    for (const std::string& item : needs.items)
        if (std::string id = response_of_item(item); !id.empty())
            wanted.emplace(std::move(id), false);
    if (wanted.size() > referred_max)
        co_return refuse(
            Error(Errc::array_above_max_length, "The input refers to items of too many responses.")
                .at("input"));
    for (const auto& [id, talk] : wanted) {
        CO_TRY(auto response, co_await parts.responses.find_response(mine.loop, caller.user, id));
        if (!response && talk) co_return std::unexpected(no_such_response(id));
        if (!response) continue;
        found.add(*response);
        if (talk) found.set_talk(std::move(response->items));
    }
    co_return dialects::with_earlier(body, found);
}

net::Task<void> keep_response(Parts& parts, net::Loop& loop,
                              const std::shared_ptr<streams::StreamLog>& log,
                              dialects::ResponseDraft& draft, const std::string& items,
                              const streams::Ending& ending) {
    streams::StoredResponse out;
    out.id = log->begun().answer_id;
    out.owner = log->begun().owner;
    if (ending.error) {
        const bool cancelled = ending.outcome == streams::Outcome::cancelled;
        out.body = draft.so_far(cancelled ? dialects::ResponseState::cancelled
                                          : dialects::ResponseState::failed,
                                cancelled ? nullptr : &*ending.error);
    } else {
        out.body = draft.close(closing_of(ending, log->source()), {});
    }
    out.items = items;
    if (const std::string said = dialects::output_items(out.body); !said.empty())
        out.items += (out.items.empty() ? "" : ",") + said;
    // Should it fail, the answer is told all the same; it cannot be gone on from.
    (void)co_await parts.responses.save_response(loop, std::move(out));
}

std::string object_so_far(const std::shared_ptr<streams::StreamLog>& log, net::Loop& loop) {
    const std::vector<chat::ChatEvent> events = events_of(log, loop);
    return dialects::response_object(names_of(*log), events,
                                     log->newest() == 0 ? dialects::ResponseState::queued
                                                        : dialects::ResponseState::in_progress,
                                     nullptr);
}

} // namespace weir::gateway
