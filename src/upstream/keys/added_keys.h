#pragma once
// Provider keys that were added while the server ran, beside those of the file. Sealed at rest. A
// key is staged (kept, not used), a canary (asked once in a while, until it has proven itself),
// active, or draining (running answers end with it, no new one begins); one that is revoked is
// gone. Changing keys makes new routes: whoever is being answered keeps the ones it began with, so
// no request fails for it.
// Thread: any.

#include "base/guarded.h"
#include "base/seal.h"
#include "net/loop.h"
#include "net/task.h"
#include "upstream/keys/key_pool.h"
#include "upstream/routes.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::upstream {

enum class KeyStage : std::uint8_t { staged, canary, active, draining };
std::string_view name(KeyStage stage);
std::optional<KeyStage> parse_key_stage(std::string_view text);

struct AddedKey {
    std::string provider;
    std::string name;
    std::string group;
    std::int64_t weight = 1;
    KeyStage stage = KeyStage::staged;
    WallTime created_at{};
    std::string sealed;
    std::string id() const { return provider + "/" + name; }
};

class AddedKeyStore {
public:
    virtual ~AddedKeyStore() = default;
    virtual Result<std::vector<AddedKey>> load_added_keys() = 0;
    virtual net::Task<Result<void>> put_added_key(net::Loop& loop, AddedKey key) = 0;
    virtual net::Task<Result<void>> drop_added_key(net::Loop& loop, std::string id) = 0;
    // Must not block: what is lost is found out again.
    virtual void note_stage(std::string id, KeyStage stage) = 0;
};

class AddedKeys {
public:
    using SetRoutes = std::function<void(std::shared_ptr<const Routes>)>;
    struct Parts {
        AddedKeyStore& store;
        Seal seal;
        Random& random;
        const Clock& clock;
        KeyPool& pool;
        SetRoutes set_routes;
    };
    explicit AddedKeys(Parts parts) : parts_(std::move(parts)) {}
    // Returns the ids of keys that do not open: the master key is another than theirs.
    std::vector<std::string> load(std::vector<AddedKey> keys);

    // The configuration of file and environment, from now on. Errors: as Routes::create().
    Result<void> set_config(std::shared_ptr<const config::Config> config);

    struct NewKey {
        std::string provider;
        std::string name;
        std::string group;
        std::int64_t weight = 1;
        KeyStage stage = KeyStage::staged;
        Secret value;
    };
    // Errors: not_found for the provider; conflict for a name that is taken; ledger_unavailable.
    net::Task<Result<AddedKey>> add(net::Loop& loop, NewKey key);
    // Errors: not_found; set_by_file for a key of the file; ledger_unavailable.
    net::Task<Result<AddedKey>> set_stage(net::Loop& loop, std::string id, KeyStage stage);
    net::Task<Result<void>> revoke(net::Loop& loop, std::string id);

    // What a canary came to: it becomes active, or goes back to be staged.
    void judge(const std::string& id, CanaryVerdict verdict);

    std::vector<AddedKey> of(std::string_view provider) const;
    // One that may be tried out: nullopt where it does not open.
    std::optional<config::ProviderKey> opened(const AddedKey& key) const;

private:
    struct State {
        std::shared_ptr<const config::Config> config;
        std::vector<AddedKey> keys;
    };
    Result<std::shared_ptr<const Routes>> routes_of(const State& state) const;
    Result<void> renew(State& state);
    Result<AddedKey> find(const std::string& id) const;

    Parts parts_;
    mutable Guarded<State> state_;
};

} // namespace weir::upstream
