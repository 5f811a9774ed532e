#include "app/local_providers.h"

#include "config/known_providers.h"
#include "net/http/http_client.h"
#include "net/system_clock.h"
#include "upstream/model_list.h"

#include <array>

namespace weir::app {
namespace {

constexpr std::chrono::milliseconds patience{300};

struct Usual {
    const char* name;
    config::Dialect dialect;
    const char* base_url;
};
constexpr std::array<Usual, 2> usual{
    {{"ollama", config::Dialect::ollama, "http://127.0.0.1:11434"},
     {"llamacpp", config::Dialect::openai, "http://127.0.0.1:8080/v1"}}};

net::Task<void> ask(net::Loop& loop, net::HttpClient& client, config::Config& config) {
    for (const Usual& place : usual) {
        const auto url = net::Url::parse(place.base_url);
        const upstream::ModelList::Place asked{*url, upstream::codec_of(place.dialect), ""};
        auto models = co_await upstream::ModelList::fetch(client, loop, asked, patience);
        // A server without models could answer nothing.
        if (models && !models->empty())
            config::add_local(config, place.name, place.dialect, place.base_url, *models);
    }
    loop.stop();
}

} // namespace

void add_local_providers(config::Config& config) {
    const net::SystemClock clock;
    net::Loop loop(clock);
    net::HttpClient client(loop, nullptr);
    loop.spawn(ask(loop, client, config));
    loop.run();
}

} // namespace weir::app
