#include "upstream/model_list.h"

#include "base/limits.h"
#include "wire/head_writer.h"

#include <algorithm>

namespace weir::upstream {
namespace {

constexpr std::chrono::seconds remembered{60};
constexpr std::chrono::milliseconds patience{2'000};

} // namespace

net::Task<Result<std::vector<std::string>>> ModelList::fetch(net::HttpClient& client,
                                                             net::Loop& loop, Place place,
                                                             std::chrono::milliseconds timeout) {
    net::Interrupt interrupt;
    const Deadline deadline = Deadline::at(loop.clock().steady() + timeout);
    CO_TRY(net::Call call, co_await client.open(place.url.origin, deadline, interrupt));
    std::string request;
    const std::string path = place.url.path + std::string(place.codec.models_path);
    auto head = wire::HeadWriter::request(request, "GET", path, place.url.origin.authority());
    write_credential(head, place.codec, place.credential);
    head.field("accept", "application/json").field("accept-encoding", "identity").end();
    CO_CHECK(co_await call.send(request));
    CO_TRY(const wire::ResponseHead answer, co_await call.read_head(timeout));
    std::string body;
    while (true) {
        CO_TRY(const std::string_view piece, co_await call.read_body(timeout));
        if (piece.empty()) break;
        body += piece;
        if (body.size() > limits::stream_bytes) co_return refuse(Errc::upstream_malformed);
    }
    if (answer.status() != 200) co_return refuse(Errc::upstream_error);
    co_return place.codec.models(body);
}

net::Task<std::vector<std::string>> ModelList::of(const config::Provider& provider,
                                                  const net::Url& url) {
    const SteadyTime now = loop_.clock().steady();
    if (const auto found = known_.find(provider.name);
        found != known_.end() && found->second.until > now)
        co_return found->second.models;
    const KeyPool::Choices choices = keys_.choose(provider);
    std::vector<std::string> models;
    const dialects::ProviderCodec& codec = codec_of(provider.dialect);
    if (!choices.keys.empty() && !codec.models_path.empty()) {
        const Place place{url, codec, choices.keys.front().credential()};
        auto fetched = co_await fetch(client_, loop_, place, patience);
        if (fetched) models = *std::move(fetched);
    }
    known_[provider.name] = {models, loop_.clock().steady() + remembered};
    co_return models;
}

net::Task<std::vector<std::string>> ModelList::names(const Routes& routes) {
    std::vector<std::string> out;
    for (const config::Model& model : routes.models()) {
        if (!model.is_pattern()) {
            out.push_back(model.name);
            continue;
        }
        for (const config::Target& target : model.targets) {
            const config::Provider* const provider = routes.config().find_provider(target.provider);
            const net::Url* const url = routes.url_of(target.provider);
            if (provider == nullptr || url == nullptr) continue;
            const std::vector<std::string> listed = co_await of(*provider, *url);
            const std::size_t star = target.model.find('*');
            if (star == std::string::npos) continue;
            const std::string before = target.model.substr(0, star);
            const std::string after = target.model.substr(star + 1);
            for (const std::string& id : listed) {
                if (id.size() < before.size() + after.size() || !id.starts_with(before) ||
                    !id.ends_with(after))
                    continue;
                std::string name = model.name;
                const std::size_t middle = id.size() - before.size() - after.size();
                name.replace(name.find('*'), 1, id.substr(before.size(), middle));
                out.push_back(std::move(name));
            }
        }
    }
    // A model may be named and listed, or listed by several targets.
    std::vector<std::string> unique;
    for (std::string& name : out)
        if (std::ranges::find(unique, name) == unique.end()) unique.push_back(std::move(name));
    co_return unique;
}

} // namespace weir::upstream
