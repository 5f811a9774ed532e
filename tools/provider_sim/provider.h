// What all connections of one simulator share, and the answers to every route but the chat. Thread:
// any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bill.h"
#include "http_request.h"
#include "journal.h"

namespace sim {

struct Settings {
    std::vector<std::string> required_keys;
    std::vector<std::string> revoked_keys;
    std::vector<std::string> limited_keys;
    std::uint32_t send_buffer = 4096; // 0: what the system gives
    std::size_t requests_kept = 0;
    bool verbose = false;
};

class Provider {
public:
    explicit Provider(Settings chosen)
        : settings(std::move(chosen)), journal(settings.requests_kept) {}

    static bool is_chat(const HttpRequest& request);

    // A whole response when the request's key is refused, else empty.
    std::string refusal(const HttpRequest& request);

    // The whole response of any route but the chat.
    std::string reply(const HttpRequest& request);

    const Settings settings;
    Bill bill;
    Journal journal;
    Counter next_id = 1;
};

// A whole response around a JSON body. `extra` holds header lines.
std::string json_response(std::uint32_t status, std::string_view body, std::string_view extra = "");

// A whole response with OpenAI's error body.
std::string error_response(std::uint32_t status, std::string_view message = "");

} // namespace sim
