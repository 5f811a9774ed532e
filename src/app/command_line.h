#pragma once
// `weir …`: what the words on the command line mean. Exit codes: 0, 1 refused or not found, 2
// usage, 3 not ready.

namespace weir::app {

int run_command_line(int argc, char** argv);

} // namespace weir::app
