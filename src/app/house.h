#pragma once
// Every shared part, built in dependency order and torn down in reverse. A server puts threads on
// top; a command that finds no server uses it as it is.

#include "app/settings.h"
#include "endpoints/admin/admin.h"
#include "gateway/parts.h"
#include "net/blocking_pool.h"
#include "net/system_clock.h"
#include "observe/request_log.h"
#include "storage/sqlite/sqlite_store.h"

#include <memory>

namespace weir::app {

inline constexpr std::string_view version = "0.1.0";

struct House {
    // Errors: conflict, ledger_unavailable, invalid_value; the message says what to do.
    static Result<std::unique_ptr<House>> build(Settings settings);
    ~House();

    // Reads the configuration again; a bad one is refused whole. Returns what was refused, one
    // fault a line.
    std::vector<std::string> reload(const Flags& flags, const config::Environment& environment);

    Result<void> add_provider_keys(const Seal& seal, std::vector<upstream::AddedKey> keys);

    Settings settings;
    net::SystemClock clock;
    net::SystemRandom random;
    std::unique_ptr<observe::RequestLog> log;
    std::unique_ptr<storage::SqliteStore> store;
    std::unique_ptr<access::Access> access;
    std::unique_ptr<limits::Gate> gate;
    std::unique_ptr<filter::Rules> filter;
    std::unique_ptr<quota::Ledger> ledger;
    std::unique_ptr<upstream::Upstream> upstream;
    std::unique_ptr<upstream::AddedKeys> provider_keys;
    std::unique_ptr<streams::StreamIndex> streams;
    std::unique_ptr<streams::Idempotency> idempotency;
    streams::SingleFlight flights;
    std::unique_ptr<net::BlockingPool> pool;     // for passwords
    std::unique_ptr<net::BlockingPool> counting; // for tokens: a long text holds up nobody's login
    std::unique_ptr<quota::TokenMeter> meter;
    std::atomic<bool> draining = false;
    std::atomic<std::int64_t> running = 0;
    std::unique_ptr<gateway::Parts> parts;
    std::unique_ptr<endpoints::AdminWorld> admin;
};

// The key under which API keys are hashed: WEIR_MASTER_KEY, else DATA_DIR/master.key, made at the
// first start.
Result<Secret> master_key(const std::string& data_dir, Random& random,
                          const config::Environment& environment);

} // namespace weir::app
