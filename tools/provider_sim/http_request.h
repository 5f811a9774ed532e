// Reads HTTP/1.1 requests out of a byte buffer, with Content-Length or chunked bodies. Lenient
// where a test double may be, but never past its bounds. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sim {

inline constexpr std::size_t most_head_bytes = 1U << 20U;
inline constexpr std::size_t most_body_bytes = 64U << 20U;

struct HttpRequest {
    std::string_view method;
    std::string_view path;       // without the query
    std::string_view head;       // the whole head, for the journal
    std::string_view credential; // after "Bearer ", or x-api-key
    std::string_view body;       // as it stood in the buffer, unless unchunked_body is used
    std::string unchunked_body;
    bool chunked = false;
    bool keep_alive = true;
    bool expects_continue = false;

    std::string_view content() const { return chunked ? std::string_view(unchunked_body) : body; }
};

enum class Reading { incomplete, complete, malformed };

struct ReadRequest {
    Reading state = Reading::incomplete;
    std::size_t used = 0; // bytes of the buffer that belong to it, when complete
};

// Lifetime: the views in `request` live as long as `buffer`. When incomplete,
// `request.expects_continue` tells whether the head is there and the client waits for a 100.
ReadRequest read_request(std::string_view buffer, HttpRequest& request);

} // namespace sim
