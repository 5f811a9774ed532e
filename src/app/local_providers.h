#pragma once
// Model servers on this machine, found on their usual loopback ports.

#include "config/config.h"

namespace weir::app {

// Asks Ollama's and llama.cpp's ports for their models, for a moment, and adds those that answer.
void add_local_providers(config::Config& config);

} // namespace weir::app
