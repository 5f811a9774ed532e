#include "streams/single_flight.h"

namespace weir::streams {

std::shared_ptr<StreamLog> SingleFlight::find(const Digest& asked) {
    auto running = running_.lock();
    const auto found = running->find(asked);
    return found == running->end() ? nullptr : found->second.lock();
}

void SingleFlight::begin(const Digest& asked, const std::shared_ptr<StreamLog>& log) {
    running_.lock()->try_emplace(asked, log);
}

void SingleFlight::end(const Digest& asked, const StreamLog& log) {
    auto running = running_.lock();
    const auto found = running->find(asked);
    if (found != running->end() && found->second.lock().get() == &log) running->erase(found);
}

} // namespace weir::streams
