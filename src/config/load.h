#pragma once
// Loads and checks the configuration. A bad file is refused whole, with every fault in it.

#include "config/config.h"
#include "config/environment.h"

#include <expected>
#include <string>
#include <vector>

namespace weir::config {

// "weir.yaml:12:3: limits.per_key: a rate such as … is expected"
struct Refusal {
    std::vector<std::string> faults;
};

// `file` is the path for messages and origins, `text` its content. An empty file name means that
// there is no file: then the providers come from the environment alone.
std::expected<Config, Refusal> load(const std::string& file, const std::string& text,
                                    const Environment& environment);

// Errors: why it cannot be read, with its name.
std::expected<std::string, std::string> read_file(const std::string& file);

// Reads the file first; a file that cannot be read is a fault too.
std::expected<Config, Refusal> load_file(const std::string& file, const Environment& environment);

// The JSON Schema (2020-12) of the file, for editors.
std::string schema();

} // namespace weir::config
