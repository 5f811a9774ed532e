#pragma once
// JSON in one form only: object keys sorted by their bytes, no white space, escapes only where they
// must be. Texts that mean the same have the same form, but for how a number is written.

#include "json/document.h"

#include <string>

namespace weir::json {

void append_canonical(std::string& out, const Value& value);

} // namespace weir::json
