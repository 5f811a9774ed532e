// Reads one HTTP/1.1 response as its bytes come in: status, then the body with its framing taken
// off. Sans-I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace load {

class ResponseReader {
public:
    enum class State { head, body, done, bad };

    // Takes all of `bytes` unless the response ends inside them; more than it is `bad`.
    State feed(std::string_view bytes);

    // The peer closed the connection.
    State end_of_input();

    State state() const { return state_; }
    unsigned status() const { return status_; }
    bool keeps_alive() const { return keeps_alive_; }

    // The body so far; the owner may take bytes away from it.
    std::string& body() { return body_; }

private:
    enum class Framing { length, chunked, until_close };
    enum class Chunk { size, data, data_end, trailer };

    bool read_head(std::string_view& bytes);
    void read_line(std::string_view line);
    void read_body(std::string_view& bytes);
    void read_chunked(std::string_view& bytes);
    bool take_line(std::string_view& bytes);
    void end_of_line();

    State state_ = State::head;
    Framing framing_ = Framing::until_close;
    Chunk chunk_ = Chunk::size;
    std::string line_; // of the head or of the chunk framing, until its end is there
    std::string body_;
    std::uint64_t left_ = 0; // bytes of the body, or of the chunk
    unsigned status_ = 0;
    bool keeps_alive_ = true;
};

} // namespace load
