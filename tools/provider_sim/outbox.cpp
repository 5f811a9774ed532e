#include "outbox.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace sim {

std::size_t Outbox::next_piece(SendRule rule) const {
    std::size_t count = waiting();
    if (!pieces_.empty()) count = std::min(count, pieces_.front() - base_ - sent_);
    if (rule.most != 0) count = std::min(count, rule.most);
    return count;
}

void Outbox::accept(std::size_t count) {
    sent_ += count;
    const std::uint64_t taken = base_ + sent_;
    while (!marks_.empty() && marks_.front().end <= taken) {
        receipt_.tokens_out += marks_.front().receipt.tokens_out;
        receipt_.chunks += marks_.front().receipt.chunks;
        marks_.pop_front();
    }
    while (!pieces_.empty() && pieces_.front() <= taken) pieces_.pop_front();
    if (!empty()) return;
    base_ += sent_;
    sent_ = 0;
    bytes_.clear();
    constexpr std::size_t kept = 64U << 10U;
    if (bytes_.capacity() > kept) bytes_.shrink_to_fit();
}

Flush Outbox::flush(int fd, SendRule rule, Nanos now) {
    while (!empty()) {
        if (now < resume_at_) return Flush::paused;
        const std::size_t count = next_piece(rule);
        const ssize_t sent = send(fd, bytes_.data() + sent_, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN ? Flush::blocked : Flush::broken;
        accept(static_cast<std::size_t>(sent));
        if (rule.gap > Pause::zero()) resume_at_ = now + static_cast<Nanos>(rule.gap.count());
    }
    return Flush::empty;
}

Receipt Outbox::take_receipt() {
    const Receipt taken = receipt_;
    receipt_ = Receipt();
    return taken;
}

} // namespace sim
