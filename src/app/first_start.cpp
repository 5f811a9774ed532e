#include "app/first_start.h"

#include "access/password.h"
#include "base/token_text.h"

namespace weir::app {
namespace {

constexpr std::size_t password_length = 20;
constexpr std::string_view first_email = "admin@localhost";

} // namespace

bool needs_administrator(const access::Access& access) {
    if (access.empty()) return true;
    const auto users = access.users();
    return users.size() == 1 && users.front().email == first_email && access.keys().empty();
}

net::Task<Result<Administrator>> first_administrator(House& house, net::Loop& loop) {
    Administrator made;
    made.email = first_email;
    made.password = Secret(random_base62(house.random, password_length));
    std::move_only_function<std::string()> work = [password = made.password] {
        return access::hash_password(password);
    };
    access::Access::NewUser user;
    user.email = made.email;
    user.role = Role::admin;
    user.password_hash = co_await house.pool->run(loop, std::move(work));
    if (house.access->empty()) {
        CO_CHECK(co_await house.access->add_user(loop, std::move(user)));
    } else {
        std::string hash = std::move(user.password_hash);
        CO_CHECK(co_await house.access->set_password_hash(loop, made.email, std::move(hash)));
    }
    access::Access::NewKey key;
    key.email = made.email;
    key.name = "first";
    key.admin = true;
    CO_TRY(const auto stored, co_await house.access->add_key(loop, std::move(key)));
    made.key = stored.text;
    co_return made;
}

} // namespace weir::app
