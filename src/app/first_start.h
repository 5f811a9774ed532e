#pragma once
// What an empty store needs before anybody can use it: an administrator and a key.

#include "app/house.h"

namespace weir::app {

struct Administrator {
    std::string email;
    Secret password;
    Secret key;
};
net::Task<Result<Administrator>> first_administrator(House& house, net::Loop& loop);

} // namespace weir::app
