// Whatever the body: refused with a code, or a request whose slices lie within it.

#include "chat/chat_request.h"

#include <cstdint>
#include <cstdlib>

namespace {

void check(const weir::Result<weir::chat::ChatRequest>& request) {
    if (!request) return;
    std::size_t bytes = 0;
    for (const auto& member : request->members()) bytes += member.raw.size() + member.key.size();
    if (bytes == 0 || request->messages().empty() || request->input_tokens_bound() <= 0)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    check(weir::chat::parse(body));
    check(weir::chat::parse_prompt(body));
    return 0;
}
