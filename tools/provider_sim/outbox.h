// Bytes on their way into one socket, and what is owed for them: a mark says what the client is
// billed once the socket has taken every byte queued before it. Belongs to one connection.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "grammar.h"

namespace sim {

using Nanos = std::uint64_t; // CLOCK_MONOTONIC

struct Receipt {
    std::uint64_t tokens_out = 0;
    std::uint64_t chunks = 0;
};

struct SendRule {
    std::size_t most = 0; // bytes a send, 0 for no bound
    Pause gap{};          // between sends
};

enum class Flush { empty, blocked, paused, broken };

class Outbox {
public:
    // Whoever queues bytes appends them here.
    std::string& bytes() { return bytes_; }
    std::size_t waiting() const { return bytes_.size() - sent_; }
    bool empty() const { return waiting() == 0; }

    void mark(Receipt receipt) { marks_.push_back({base_ + bytes_.size(), receipt}); }

    // A send ends here.
    void end_piece() { pieces_.push_back(base_ + bytes_.size()); }

    // Sends what the socket takes. `paused`: go on at resume_at().
    Flush flush(int fd, SendRule rule, Nanos now);
    Nanos resume_at() const { return resume_at_; }

    // What was taken since the last call.
    Receipt take_receipt();

private:
    struct Mark {
        std::uint64_t end;
        Receipt receipt;
    };

    std::size_t next_piece(SendRule rule) const;
    void accept(std::size_t count);

    std::string bytes_;
    std::size_t sent_ = 0;   // of bytes_
    std::uint64_t base_ = 0; // bytes before bytes_ since the connection began
    std::deque<Mark> marks_;
    std::deque<std::uint64_t> pieces_;
    Receipt receipt_;
    Nanos resume_at_ = 0;
};

} // namespace sim
