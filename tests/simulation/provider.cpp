#include "provider.h"

#include "base/limits.h"

#include <algorithm>

namespace weir::simulation {

void Provider::open() {
    const Plan plan = plan_;
    *this = Provider(plan);
    opened_ = true;
    bill_.input = plan.input;
}

// Its send buffer is short: no more than a slab is on its way, or one chunk that is larger.
bool Provider::can_write() const {
    return is_open() && !ended_ && bill_.output - delivered_ < limits::slab_tokens / 2;
}

chat::Usage Provider::usage() const {
    chat::Usage out;
    out.input = Tokens(bill_.input);
    out.output = Tokens(bill_.output);
    return out;
}

void Provider::write(Chance& chance) {
    Chunk chunk;
    if (written_ < plan_.tokens) {
        const std::int64_t room =
            unread() == 0 && chance.one_in(8) ? plan_.tokens : limits::slab_tokens / 2;
        chunk.tokens = std::min(plan_.tokens - written_, chance.between(1, room));
        chunk.bytes = chunk.tokens * plan_.bytes_per_token;
        written_ += chunk.tokens;
        bill_.output += chunk.tokens;
        bill_.bytes += chunk.bytes;
        largest_ = std::max(largest_, chunk.tokens);
        if (plan_.reports == Reports::running) chunk.usage = usage();
    } else if (!finished_) {
        finished_ = chunk.finish = true;
    } else if (!summed_ && plan_.reports != Reports::nothing) {
        summed_ = true;
        bill_.output += plan_.hidden;
        chunk.usage = usage();
        chunk.tokens = plan_.hidden;
    } else {
        ended_ = chunk.end = true;
    }
    flying_.push_back(chunk);
}

void Provider::deliver() {
    if (flying_.empty()) return;
    if (flying_.front().usage) told_ = flying_.front().usage;
    if (plan_.read == Plan::Read::at_once) delivered_ += flying_.front().tokens;
    arrived_.push_back(flying_.front());
    flying_.pop_front();
}

void Provider::repeat_usage() {
    if (!told_ || ended_) return;
    Chunk again;
    again.usage = told_;
    arrived_.push_back(again);
}

void Provider::die() {
    dead_ = true;
    flying_.clear();
}

Chunk Provider::take() {
    const Chunk chunk = arrived_.front();
    arrived_.pop_front();
    if (plan_.read == Plan::Read::piecewise) delivered_ += chunk.tokens;
    return chunk;
}

} // namespace weir::simulation
