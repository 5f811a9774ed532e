#pragma once
// Writes HTTP/1.1 heads and chunks into a string. A value with a CR, LF or NUL would split the
// message: such a field is left out whole, since only our own code or a checked value ever gets
// here. Names, methods and targets are our own or the operator's, checked when they were read.

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::wire {

class HeadWriter {
public:
    // Starts a response or a request; the caller goes on with fields and ends with end().
    static HeadWriter response(std::string& out, int status);
    static HeadWriter request(std::string& out, std::string_view method, std::string_view target,
                              std::string_view host);

    HeadWriter& field(std::string_view name, std::string_view value);
    HeadWriter& field(std::string_view name, std::uint64_t value);
    void end();

private:
    explicit HeadWriter(std::string& out) : out_(out) {}
    std::string& out_;
};

std::string_view reason_phrase(int status);

// A chunk around `data` (RFC 9112, 7.1): its size line before, CRLF after. Requires: data is not
// empty, for that would end the body; last_chunk does.
void append_chunk(std::string& out, std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
inline constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace weir::wire
