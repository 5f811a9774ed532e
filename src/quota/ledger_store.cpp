#include "quota/ledger_store.h"
#include "base/digest.h"

namespace weir::quota {

std::string batch_checksum(const Batch& batch) {
    std::string text = std::to_string(batch.first_lsn) + "," + std::to_string(batch.count) + ",";
    text += batch.payload;
    const Digest digest = keyed_digest({}, text);
    return std::string(reinterpret_cast<const char*>(digest.data()), 16);
}

} // namespace weir::quota
