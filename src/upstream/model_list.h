#pragma once
// What a provider says it has: its GET /models, asked for patterns and remembered for a minute. One
// per thread.

#include "net/http/http_client.h"
#include "upstream/codecs.h"
#include "upstream/keys/key_pool.h"
#include "upstream/routes.h"

#include <map>
#include <string>
#include <vector>

namespace weir::upstream {

class ModelList {
public:
    ModelList(net::Loop& loop, net::HttpClient& client, KeyPool& keys)
        : loop_(loop), client_(client), keys_(keys) {}

    // Every model that clients may name: the named ones, and for each pattern what its provider
    // lists, under the pattern's name. A provider that does not answer in time contributes nothing.
    net::Task<std::vector<std::string>> names(const Routes& routes);

    // A provider's own list. Errors: as Call::send.
    struct Place {
        const net::Url& url;
        const dialects::ProviderCodec& codec;
        std::string_view credential; // empty: none is shown
    };
    static net::Task<Result<std::vector<std::string>>>
    fetch(net::HttpClient& client, net::Loop& loop, Place place, std::chrono::milliseconds timeout);

private:
    struct Known {
        std::vector<std::string> models;
        SteadyTime until;
    };
    net::Task<std::vector<std::string>> of(const config::Provider& provider, const net::Url& url);

    net::Loop& loop_;
    net::HttpClient& client_;
    KeyPool& keys_;
    std::map<std::string, Known> known_;
};

} // namespace weir::upstream
