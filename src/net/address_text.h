#pragma once
// IP addresses from text, as they stand in X-Forwarded-For.

#include "base/address.h"

#include <optional>
#include <string_view>

namespace weir::net {

std::optional<Address> parse_address(std::string_view text);

} // namespace weir::net
