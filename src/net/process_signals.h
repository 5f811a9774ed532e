#pragma once
// The signals that steer the process, delivered on a loop; and the settings every serving process
// wants.

#include "net/descriptor.h"

#include <functional>

namespace weir::net {

class ProcessSignals {
public:
    // `handle` is called on the loop with SIGTERM, SIGINT or SIGHUP, each time one comes.
    // One at a time in a process.
    ProcessSignals(Loop& loop, std::function<void(int)> handle);
    ~ProcessSignals(); // from here on they do what the system does by default
    void cancel();

private:
    void take();
    Socket told_; // the end that the handler writes to
    Descriptor heard_;
    std::function<void(int)> handle_;
};

// A peer that hangs up must not end the process.
void ignore_broken_pipes();
// As many open files as the system allows. Returns the limit.
std::size_t raise_open_file_limit();
// Files made from now on are the owner's alone.
void keep_files_private();
std::size_t processor_count();

} // namespace weir::net
