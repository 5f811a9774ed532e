#pragma once
// The serving process: threads on a house, sockets, signals, and an end without loss.

#include "app/house.h"

namespace weir::app {

// Serves until SIGTERM or SIGINT, then drains. Returns the exit code.
int serve(const Flags& flags);

} // namespace weir::app
