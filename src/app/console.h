#pragma once
// How commands speak: to the running server over its control socket, or to the store itself where
// no server runs; and how they show what came back.

#include "app/settings.h"
#include "endpoints/admin/admin.h"
#include "json/document.h"

#include <optional>
#include <string>
#include <vector>

namespace weir::app {

enum class Format : std::uint8_t { table, json };

class Console {
public:
    Console(Flags flags, Format format) : flags_(std::move(flags)), format_(format) {}

    // One administrative request. Without a server the store is opened under its lock, used and
    // closed again.
    // Errors: what the server said; or conflict, where the store cannot be opened.
    Result<endpoints::AdminReply> ask(const std::string& method, const std::string& path,
                                      std::map<std::string, std::string> query = {},
                                      std::string body = {});
    // The same, but only of a running server. Errors: upstream_unavailable.
    Result<endpoints::AdminReply> ask_server(const std::string& method, const std::string& target,
                                             const std::string& body,
                                             std::function<void(std::string_view)> piece = {});

    Format format() const { return format_; }
    std::string data_dir() const;
    const Flags& flags() const { return flags_; }

    // Prints the `data` of a list: as a JSON array, or these columns as a table.
    void print_list(const std::string& body, const std::vector<std::string>& columns) const;
    // Prints why something was refused, to stderr, and gives the exit code.
    static int refused(const Error& error);

private:
    Result<endpoints::AdminReply> ask_store(endpoints::AdminRequest request);

    Flags flags_;
    Format format_;
};

// A value as a table shows it.
std::string shown(const json::Value& value);
std::string percent_encode(std::string_view text);
// A whole key's public id; any other word as it is. Secrets do not travel further than they must.
std::string key_name(const std::string& word);

} // namespace weir::app
