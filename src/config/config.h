#pragma once
// The whole configuration, immutable once loaded. Made by config::load alone (config/load.h), from
// the file, the environment and the defaults that stand here; `origins` says where each value came
// from.

#include "base/address.h"
#include "base/secret.h"
#include "config/rate.h"
#include "config/time_zone.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace weir::config {

using namespace std::chrono_literals;

struct Tls {
    std::string certificate;
    std::string key;
    bool on() const { return !certificate.empty(); }
};

struct ProviderKey {
    std::string name;
    std::string id; // "provider/name", unique
    Secret value;
    std::string group; // keys of one organisation share a quota there
    std::int64_t weight = 1;
    // A canary is asked once in a while, until it has proven itself. The file's keys are trusted.
    enum class Trust : std::uint8_t { full, canary } trust = Trust::full;
};

struct Timeouts {
    std::chrono::milliseconds connect = 3s;
    std::chrono::milliseconds first_event = 300s;
    std::chrono::milliseconds idle = 120s; // any byte resets it
    std::chrono::milliseconds total = 30min;
};

enum class Dialect : std::uint8_t { openai, demo, anthropic, gemini, ollama, azure };
std::string_view name(Dialect dialect);

struct Provider {
    std::string name;
    Dialect dialect = Dialect::openai;
    std::string base_url;
    std::vector<ProviderKey> keys;
    Timeouts timeouts;
    std::string proxy;                      // an http URL, or empty
    std::string api_version = "2024-10-21"; // of azure
};

// Picodollars a token: one US dollar per million tokens is 1,000,000 of them.
struct Price {
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t cached_input = 0;
    std::int64_t reasoning = 0;
};

struct Target {
    std::string provider;
    std::string model; // a '*' stands for what the pattern matched
    std::int64_t tier = 1;
    std::int64_t weight = 1;
    std::optional<Price> price;
    std::int64_t context = 0;          // tokens; 0: not said
    std::vector<std::string> features; // tools, vision, json; empty: not said
    enum class Usage : std::uint8_t { asked, not_asked } stream_usage = Usage::asked;
    enum class Streaming : std::uint8_t { yes, no } streaming = Streaming::yes;
};

// Which answers may serve more than one who asks the same.
struct Cache {
    enum class When : std::uint8_t { off, deterministic, always } when = When::off;
};

// Whether an answer that broke off is gone on with, and by whom.
enum class Continuation : std::uint8_t { off, same_model, any };

struct Model {
    std::string name; // with one '*': a pattern
    std::vector<Target> targets;
    std::int64_t max_output_tokens = 4096; // the bound when a request names none
    std::vector<std::string> fallback;
    Cache cache;
    Continuation continuation = Continuation::off;
    bool strict = false; // a field that cannot be translated is refused, not dropped

    bool is_pattern() const { return name.find('*') != std::string::npos; }
};

enum class Unit : std::uint8_t { requests, tokens, nanousd };
enum class Period : std::uint8_t { day, week, month, total };
enum class Scope : std::uint8_t { key, user, team, everyone };
std::string_view name(Unit unit); // "usd" for nanousd, as users write it
std::string_view name(Period period);
std::string_view name(Scope scope);
std::optional<Unit> parse_unit(std::string_view text);
std::optional<Period> parse_period(std::string_view text);

struct Budget {
    Unit unit = Unit::requests;
    Period period = Period::day;
    std::int64_t limit = 0; // in the unit; nanodollars for usd
    // Percentages of it at which the operator is told, each once in a period.
    std::vector<std::int64_t> soft = {50, 80, 100};
};

struct Quota {
    // What an answer holds at first: some of its bound, extended as it grows, or all of it.
    enum class Reserve : std::uint8_t { slab, full } reserve = Reserve::slab;
    const TimeZone* zone = &TimeZone::utc(); // where days begin, unless a subject has its own
    std::vector<Budget> everyone;
    std::vector<Budget> team; // for each team
    std::vector<Budget> user; // for each user
    std::vector<Budget> key;  // for each key
};

struct Streams {
    std::size_t memory = 256 * 1024 * 1024; // of all logs together
};

struct Limits {
    Rate per_ip = *Rate::parse("120/min burst 30");
    Rate per_key = *Rate::parse("600/min");
    Rate per_user;
    Rate per_team;
    Rate tokens_per_key;                   // read and written
    std::int64_t concurrent_per_key = 256; // 0: off
    std::size_t body_bytes = 8 * 1024 * 1024;
};

enum class FilterAction : std::uint8_t { off, alert, redact, block };

struct FilterRule {
    std::string id;
    std::string pattern; // empty: of a built-in rule only the action is changed
    std::string category;
    std::optional<FilterAction> action;
    std::vector<std::string> teams;
    std::vector<std::string> models;
    std::string origin; // the file
};

struct Filter {
    enum class Builtin : std::uint8_t { on, off } builtin = Builtin::on;
    std::vector<std::string> files;
    std::vector<FilterRule> rules; // of the files
};

enum class Durability : std::uint8_t {
    power,   // a commit survives a power cut
    process, // a commit survives kill -9
};

// One value of `weir config show`.
struct Shown {
    std::string path;
    std::string value;  // secrets are masked
    std::string origin; // file:line, "environment" or "default"
};

struct Config {
    std::string listen = "127.0.0.1:8000";
    std::string data_dir = "./weir-data";
    std::int64_t workers = 0; // 0: one for each processor
    Tls tls;
    std::vector<Network> trusted_proxies;
    std::vector<Provider> providers;
    std::vector<Model> models;
    Quota quota;
    Durability durability = Durability::power;
    Limits limits;
    Filter filter;
    Streams streams;
    std::string log_level = "info";

    // From the environment's HTTPS_PROXY and NO_PROXY; a provider's own proxy is stronger.
    std::string https_proxy;
    std::string no_proxy;

    std::vector<Shown> origins;

    const Provider* find_provider(std::string_view wanted) const;
};

} // namespace weir::config
