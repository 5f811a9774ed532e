// weir: a gateway for chat with language models. Everything begins in app/.

#include "app/command_line.h"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    try {
        return weir::app::run_command_line(argc, argv);
    } catch (const std::exception& broken) {
        std::fprintf(stderr, "weir: %s\n", broken.what());
        return 1;
    }
}
