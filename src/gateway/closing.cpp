#include "gateway/closing.h"

namespace weir::gateway {

dialects::Closing closing_of(const streams::Ending& ending,
                             const std::shared_ptr<const streams::Source>& source) {
    dialects::Closing out;
    out.usage = ending.usage;
    out.usage_raw = ending.usage_raw;
    out.usage_native = ending.usage_native;
    out.nanousd = ending.nanousd;
    out.estimated = ending.estimated;
    if (source) {
        out.provider = source->provider;
        out.model = source->model;
    }
    return out;
}

} // namespace weir::gateway
