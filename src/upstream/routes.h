#pragma once
// From the name a client uses to the targets that can answer. Immutable: a reload makes new ones.

#include "base/error.h"
#include "config/config.h"
#include "net/url.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {

struct Candidate {
    const config::Provider* provider;
    const config::Target* target;
    const net::Url* url; // null for the demo
    std::string model;   // the provider's name of it
    bool strict = false; // what cannot be said to it is refused, not dropped
};

class Routes;

struct Route {
    std::shared_ptr<const Routes> routes; // keeps what the candidates point to
    std::string name;
    std::int64_t max_output_tokens = 0;
    std::vector<Candidate> candidates; // tier by tier, then the fallback models' in turn
    config::Price dearest;             // of each kind of token, among all of them
    config::Cache cache;
    config::Continuation continuation = config::Continuation::off;
    bool priced = true; // every candidate has a price
};

class Routes : public std::enable_shared_from_this<Routes> {
public:
    // Errors: invalid_value for a base_url or proxy that is none.
    static Result<std::shared_ptr<const Routes>>
    create(std::shared_ptr<const config::Config> config);

    // Errors: model_not_found.
    Result<Route> find(std::string_view model) const;
    const std::vector<config::Model>& models() const { return config_->models; }
    const config::Config& config() const { return *config_; }
    // Where a provider is; null for the demo.
    const net::Url* url_of(const std::string& provider) const;

private:
    explicit Routes(std::shared_ptr<const config::Config> config) : config_(std::move(config)) {}
    const config::Model* match(std::string_view name, std::string& captured) const;
    void add(Route& route, const config::Model& model, const std::string& captured) const;

    std::shared_ptr<const config::Config> config_;
    std::map<std::string, net::Url> urls_; // by provider
};

} // namespace weir::upstream
