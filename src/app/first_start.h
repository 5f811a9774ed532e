#pragma once
// What an empty store needs before anybody can use it: an administrator and a key.

#include "app/house.h"

namespace weir::app {

struct Administrator {
    std::string email;
    Secret password;
    Secret key;
};
// No user yet, or the first administrator without a key: a first start that was cut short before
// anybody was told the password.
bool needs_administrator(const access::Access& access);

// Makes them, or finishes what was begun: then with another password.
// Errors: ledger_unavailable.
net::Task<Result<Administrator>> first_administrator(House& house, net::Loop& loop);

} // namespace weir::app
