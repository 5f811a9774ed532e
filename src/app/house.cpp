#include "app/house.h"

#include "base/text.h"
#include "config/environment.h"
#include "endpoints/admin/money.h"
#include "filter/builtin_rules.h"
#include "net/process_signals.h"
#include "quota/refusal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <unistd.h>

namespace weir::app {
namespace {

constexpr std::size_t master_key_bytes = 32;
constexpr std::size_t pool_threads = 2;

// Writes a file that only its owner reads, and makes it last. False: errno says why.
bool write_lasting(const std::string& folder, const std::string& path, std::string_view text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const bool written =
        file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
        ::fsync(file) == 0;
    if (file >= 0) ::close(file);
    if (!written) return false;
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && ::fsync(directory) == 0;
    if (directory >= 0) ::close(directory);
    return synced;
}

std::vector<config::Price> prices_of(const config::Config& config) {
    std::vector<config::Price> out;
    for (const config::Model& model : config.models)
        for (const config::Target& target : model.targets)
            if (target.price) out.push_back(*target.price);
    return out;
}

} // namespace

Result<Secret> master_key(const std::string& data_dir, Random& random,
                          const config::Environment& environment) {
    if (const auto given = environment("WEIR_MASTER_KEY")) {
        const Digest digest = keyed_digest({}, *given);
        return Secret(std::string(reinterpret_cast<const char*>(digest.data()), digest.size()));
    }
    const std::string path = data_dir + "/master.key";
    std::error_code ignored;
    std::filesystem::create_directories(data_dir, ignored);
    std::ifstream file(path, std::ios::binary);
    std::string text;
    const bool found = file && std::getline(file, text) && text.size() == master_key_bytes * 2;
    const bool in_use = std::filesystem::exists(data_dir + "/weir.db", ignored);
    if (found && in_use) return Secret(text);
    if (in_use) {
        return refuse(
            Errc::conflict,
            fmt::format(
                "{} is missing or damaged: without it no API key can be checked. Restore it "
                "from a backup, or set WEIR_MASTER_KEY.",
                path));
    }
    // Nothing depends on it before there is a store: what a start that failed has left is no harm,
    // and is written anew, since it may not last.
    if (!found) {
        std::array<unsigned char, master_key_bytes> bytes{};
        random.fill(std::as_writable_bytes(std::span(bytes)));
        text = to_hex(bytes);
    }
    if (!write_lasting(data_dir, path, text + "\n"))
        return refuse(Errc::conflict,
                      fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    return Secret(text);
}

Result<std::unique_ptr<House>> House::build(Settings settings) {
    WEIR_CHECK(start_cryptography());
    net::keep_files_private();
    auto house = std::make_unique<House>();
    house->settings = std::move(settings);
    const config::Config& config = *house->settings.config;
    house->log = std::make_unique<observe::RequestLog>(house->clock, config.log_level);
    WEIR_TRY(Secret pepper,
             master_key(config.data_dir, house->random, config::process_environment()));
    WEIR_TRY(house->store,
             storage::SqliteStore::open(config.data_dir, config.durability, house->clock));
    const Seal seal(pepper, "provider keys");
    WEIR_TRY(house->access,
             access::Access::open({*house->store, house->clock, house->random}, std::move(pepper)));
    house->gate = std::make_unique<limits::Gate>(config.limits, house->clock, house->random);
    WEIR_TRY(auto rules, filter::rules_of(config.filter));
    house->filter = std::make_unique<filter::Rules>(std::move(rules));
    // Before the store has a thread of its own.
    WEIR_TRY(const auto known_keys, house->store->load_provider_keys());
    WEIR_TRY(auto added_keys, house->store->load_added_keys());
    WEIR_TRY(house->ledger,
             quota::Ledger::open({*house->store, house->clock, house->random}, config.quota));
    if (const std::int64_t crashed = house->ledger->crashed(); crashed > 0) {
        house->log->publish(record::Event{
            "recovered", fmt::format("{} requests were running when it ended last: each is charged "
                                     "what it held",
                                     crashed)});
    }
    house->ledger->on_soft_limit([all = house.get()](const quota::Ledger::SoftLimit& reached) {
        const std::string who = endpoints::subject_name(*all->access, reached.account.subject);
        all->log->publish(
            record::Event{"budget_reached", quota::reached_text(reached.account, reached.window,
                                                                reached.percent, who)});
    });
    house->ledger->on_health([log = house->log.get()](const Error* why) {
        if (why != nullptr)
            log->publish(record::Event{"ledger_unavailable", std::string(why->detail())});
        else log->publish(record::Event{"ledger_available", "the disk can be written again"});
    });
    house->store->note_prices(prices_of(config));
    WEIR_TRY(auto routes, upstream::Routes::create(house->settings.config));
    house->upstream = std::make_unique<upstream::Upstream>(std::move(routes), house->clock);
    house->upstream->keys().remember_in(
        *house->store, known_keys,
        [log = house->log.get()](const std::string& kind, const std::string& detail) {
            log->publish(record::Event{kind, detail});
        });
    WEIR_CHECK(house->add_provider_keys(seal, std::move(added_keys)));
    house->streams = std::make_unique<streams::StreamIndex>(house->clock, config.streams.memory);
    house->idempotency = std::make_unique<streams::Idempotency>(*house->store);
    house->pool = std::make_unique<net::BlockingPool>(pool_threads);
    house->counting = std::make_unique<net::BlockingPool>(1);
    house->meter = std::make_unique<quota::TokenMeter>(*house->counting);
    house->parts = std::make_unique<gateway::Parts>(gateway::Parts{
        house->clock, house->random, *house->access, *house->gate, *house->filter, *house->ledger,
        *house->upstream, *house->streams, *house->idempotency, *house->meter, house->flights,
        *house->store, *house->log, house->draining, house->running});
    house->admin = std::make_unique<endpoints::AdminWorld>(endpoints::AdminWorld{
        *house->parts, *house->pool, *house->provider_keys, house->clock.steady(), version});
    return house;
}

Result<void> House::add_provider_keys(const Seal& seal, std::vector<upstream::AddedKey> keys) {
    upstream::AddedKeys::SetRoutes set = [all = upstream.get()](auto routes) {
        all->set_routes(std::move(routes));
    };
    provider_keys = std::make_unique<upstream::AddedKeys>(
        upstream::AddedKeys::Parts{*store, seal, random, clock, upstream->keys(), std::move(set)});
    for (const std::string& id : provider_keys->load(std::move(keys)))
        log->publish(record::Event{"provider_key_locked",
                                   id + ": it was sealed with another master key; add it again"});
    upstream->keys().judge_canaries(
        [all = provider_keys.get()](const std::string& id, upstream::CanaryVerdict verdict) {
            all->judge(id, verdict);
        });
    return provider_keys->set_config(settings.config);
}

House::~House() {
    if (access) access->save_key_use();
    if (ledger) ledger->stop();
}

std::vector<std::string> House::reload(const Flags& flags, const config::Environment& environment) {
    auto loaded = load_settings(flags, environment);
    if (!loaded) return std::move(loaded).error().faults;
    if (loaded->file.empty() && !settings.file.empty())
        return {settings.file + " is gone; what was read from it stays in force"};
    auto rules = filter::rules_of(loaded->config->filter);
    if (!rules) return {std::string(rules.error().message())};
    if (const auto taken = provider_keys->set_config(loaded->config); !taken)
        return {std::string(taken.error().message())};
    settings = *std::move(loaded);
    upstream->keys().forgive_all();
    gate->set_rules(settings.config->limits);
    filter->set(*std::move(rules));
    ledger->set_defaults(settings.config->quota);
    store->note_prices(prices_of(*settings.config));
    log->set_level(settings.config->log_level);
    return {};
}

} // namespace weir::app
