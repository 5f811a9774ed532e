// Prints what a run measured, for people or as one JSON object.
#pragma once

#include <string>
#include <string_view>

#include "driver.h"

namespace load {

std::string human_report(std::string_view mode, const Outcome& outcome);
std::string json_report(std::string_view mode, const Outcome& outcome);

} // namespace load
