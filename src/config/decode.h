#pragma once
// One function a section of the file, in the order of the documentation.

#include "config/section.h"

namespace weir::config {

void decode(Section& root, Config& config);

// Rules between fields: every name that is used exists, and what a budget counts can be counted.
void check_relations(Reading& reading, const Config& config);

} // namespace weir::config
