#pragma once
// The names of things that are counted, owned or charged.

#include "base/strong.h"

namespace weir {

using UserId = Id<struct UserTag>; // row number in the store, never reused
using TeamId = Id<struct TeamTag>;
using KeyId = Id<struct KeyTag>; // the store's number; the public id is access::Key::public_id

using Tokens = Quantity<struct TokensTag>;
using NanoUsd = Quantity<struct NanoUsdTag>; // 1e-9 US dollar

} // namespace weir
