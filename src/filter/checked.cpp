#include "filter/checked.h"

namespace weir::filter {

Result<Checked> check(chat::ChatRequest request) { return Checked(std::move(request)); }

} // namespace weir::filter
