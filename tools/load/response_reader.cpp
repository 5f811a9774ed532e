#include "response_reader.h"

#include <algorithm>
#include <charconv>

namespace load {
namespace {

std::string lowered(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

bool parse(std::string_view digits, int base, std::uint64_t& value) {
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    return fault == std::errc() && end != digits.data();
}

} // namespace

// Moves bytes up to the end of the line into line_; true when the whole line is there, without its
// end.
bool ResponseReader::take_line(std::string_view& bytes) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() > (std::size_t(16) << 20U)) state_ = State::bad;
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) return false;
    if (line_.ends_with('\r')) line_.pop_back();
    return true;
}

void ResponseReader::read_line(std::string_view line) {
    if (status_ == 0) {
        std::uint64_t status = 0;
        const bool good = line.starts_with("HTTP/1.") && line.size() >= 12 &&
                          parse(line.substr(9, 3), 10, status) && status >= 100;
        status_ = static_cast<unsigned>(status);
        if (!good) state_ = State::bad;
        return;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        state_ = State::bad;
        return;
    }
    const std::string name = lowered(line.substr(0, colon));
    std::string value = lowered(line.substr(colon + 1));
    value.erase(0, value.find_first_not_of(" \t"));
    if (name == "content-length") {
        if (!parse(value, 10, left_)) state_ = State::bad;
        framing_ = Framing::length;
    } else if (name == "transfer-encoding" && value == "chunked") {
        framing_ = Framing::chunked;
    } else if (name == "connection" && value == "close") {
        keeps_alive_ = false;
    }
}

bool ResponseReader::read_head(std::string_view& bytes) {
    while (state_ == State::head && take_line(bytes)) {
        if (!line_.empty()) {
            read_line(line_);
            line_.clear();
            continue;
        }
        if (status_ >= 100 && status_ < 200) {
            status_ = 0;
            continue;
        }
        if (status_ == 0) {
            state_ = State::bad;
            return false;
        }
        const bool empty = framing_ == Framing::length && left_ == 0;
        state_ = empty ? State::done : State::body;
        return true;
    }
    return false;
}

void ResponseReader::end_of_line() {
    if (chunk_ == Chunk::data_end) {
        if (!line_.empty()) state_ = State::bad;
        chunk_ = Chunk::size;
    } else if (chunk_ == Chunk::trailer) {
        if (line_.empty()) state_ = State::done;
    } else if (!parse(line_, 16, left_)) {
        state_ = State::bad;
    } else {
        chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
    }
    line_.clear();
}

void ResponseReader::read_chunked(std::string_view& bytes) {
    while (!bytes.empty() && state_ == State::body) {
        if (chunk_ != Chunk::data) {
            if (take_line(bytes)) end_of_line();
            continue;
        }
        const std::size_t count = std::min<std::uint64_t>(left_, bytes.size());
        body_ += bytes.substr(0, count);
        bytes.remove_prefix(count);
        left_ -= count;
        if (left_ == 0) chunk_ = Chunk::data_end;
    }
}

void ResponseReader::read_body(std::string_view& bytes) {
    if (framing_ == Framing::chunked) return read_chunked(bytes);
    std::size_t count = bytes.size();
    if (framing_ == Framing::length) count = std::min<std::uint64_t>(left_, count);
    body_ += bytes.substr(0, count);
    bytes.remove_prefix(count);
    left_ -= framing_ == Framing::length ? count : 0;
    if (framing_ == Framing::length && left_ == 0) state_ = State::done;
}

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
    if (state_ == State::head) read_head(bytes);
    if (state_ == State::body) read_body(bytes);
    if (state_ == State::done && !bytes.empty()) state_ = State::bad;
    return state_;
}

ResponseReader::State ResponseReader::end_of_input() {
    if (state_ == State::body && framing_ == Framing::until_close) state_ = State::done;
    keeps_alive_ = false;
    return state_;
}

} // namespace load
