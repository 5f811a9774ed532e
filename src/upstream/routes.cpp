#include "upstream/routes.h"

#include "base/limits.h"
#include "base/text.h"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace weir::upstream {

namespace {

// NO_PROXY: names and suffixes, separated by commas; '*' is everyone.
bool is_excepted(std::string_view list, std::string_view host) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        std::string_view entry = trim(list.substr(0, comma));
        list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
        if (entry == "*" || equal_ignoring_case(entry, host)) return true;
        if (entry.starts_with('.')) entry.remove_prefix(1);
        if (!entry.empty() && host.size() > entry.size() && host.ends_with(entry) &&
            host[host.size() - entry.size() - 1] == '.')
            return true;
    }
    return false;
}

} // namespace

Result<std::shared_ptr<const Routes>> Routes::create(std::shared_ptr<const config::Config> config) {
    std::unique_ptr<Routes> made(new Routes(std::move(config)));
    const std::shared_ptr<Routes> routes(std::move(made));
    const config::Config& all = *routes->config_;
    for (const config::Provider& provider : all.providers) {
        if (provider.dialect == config::Dialect::demo) continue;
        WEIR_TRY(net::Url url, net::Url::parse(provider.base_url));
        url.origin.proxy = provider.proxy;
        const bool secure = url.origin.scheme == net::Scheme::https;
        if (provider.proxy.empty() && secure && !is_excepted(all.no_proxy, url.origin.host))
            url.origin.proxy = all.https_proxy;
        if (!url.origin.proxy.empty()) WEIR_CHECK(net::Url::parse(url.origin.proxy));
        routes->urls_.emplace(provider.name, std::move(url));
    }
    return std::shared_ptr<const Routes>(std::move(routes));
}

const net::Url* Routes::url_of(const std::string& provider) const {
    const auto found = urls_.find(provider);
    return found == urls_.end() ? nullptr : &found->second;
}

const config::Model* Routes::match(std::string_view name, std::string& captured) const {
    const config::Model* best = nullptr;
    std::size_t best_length = 0;
    for (const config::Model& model : config_->models) {
        if (!model.is_pattern()) {
            if (model.name == name) return &model;
            continue;
        }
        const std::size_t star = model.name.find('*');
        const std::string_view before = std::string_view(model.name).substr(0, star);
        const std::string_view after = std::string_view(model.name).substr(star + 1);
        const bool fits = name.size() > before.size() + after.size() && name.starts_with(before) &&
                          name.ends_with(after);
        // The pattern that says most about the name wins.
        if (!fits || (best != nullptr && model.name.size() <= best_length)) continue;
        best = &model;
        best_length = model.name.size();
        captured = name.substr(before.size(), name.size() - before.size() - after.size());
    }
    return best;
}

void Routes::add(Route& route, const config::Model& model, const std::string& captured) const {
    std::vector<const config::Target*> targets;
    for (const config::Target& target : model.targets) targets.push_back(&target);
    // By tier; within one in the file's order, which is that of their addresses.
    std::ranges::sort(targets, [](const config::Target* a, const config::Target* b) {
        return a->tier != b->tier ? a->tier < b->tier : a < b;
    });
    for (const config::Target* const target : targets) {
        Candidate candidate{config_->find_provider(target->provider), target,
                            url_of(target->provider), target->model, model.strict};
        if (const std::size_t star = candidate.model.find('*'); star != std::string::npos)
            candidate.model.replace(star, 1, captured);
        route.priced = route.priced && target->price.has_value();
        if (target->price) {
            const auto dearer = [](std::int64_t& most, std::int64_t price) {
                most = std::max(most, price);
            };
            dearer(route.dearest.input, target->price->input);
            dearer(route.dearest.output, target->price->output);
            dearer(route.dearest.cached_input, target->price->cached_input);
            dearer(route.dearest.reasoning, target->price->reasoning);
        }
        route.candidates.push_back(std::move(candidate));
    }
}

// A name that would be another path at a provider that has it in its own.
bool climbs(std::string_view name) {
    while (!name.empty()) {
        const std::size_t slash = name.find('/');
        const std::string_view segment = name.substr(0, slash);
        if (segment == "." || segment == "..") return true;
        name = slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
    }
    return false;
}

Result<Route> Routes::find(std::string_view name) const {
    std::string captured;
    const config::Model* const model = match(name, captured);
    if (model == nullptr || climbs(captured)) {
        return refuse(
            Errc::model_not_found,
            fmt::format("The model '{}' does not exist; GET /v1/models lists those that do.",
                        clip(name, limits::echoed_bytes)));
    }
    Route route;
    route.routes = shared_from_this();
    route.name = name;
    route.max_output_tokens = model->max_output_tokens;
    route.cache = model->cache;
    route.continuation = model->continuation;
    add(route, *model, captured);
    std::set<const config::Model*> visited{model};
    for (const std::string& other : model->fallback) {
        std::string none;
        const config::Model* const next = match(other, none);
        if (next != nullptr && visited.insert(next).second) add(route, *next, none);
    }
    return route;
}

} // namespace weir::upstream
