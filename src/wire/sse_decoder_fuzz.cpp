// However a stream is cut, the same events come out; and each survives being written and read
// again.

#include "wire/sse_decoder.h"
#include "wire/sse_encoder.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace {

using weir::wire::SseDecoder;
using weir::wire::SseEvent;

// Small, so that inputs of a few bytes reach it.
constexpr std::size_t event_bytes_max = 64;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Kept {
    std::string name;
    std::string data;
    std::string id;

    bool operator==(const Kept&) const = default;
};

struct Outcome {
    std::vector<Kept> events;
    bool overflowed = false;

    bool operator==(const Outcome&) const = default;
};

// Pieces of `step` bytes each, the last one shorter.
Outcome decode(std::string_view bytes, std::size_t step, std::size_t bound) {
    SseDecoder decoder(bound);
    Outcome out;
    while (!bytes.empty() && !decoder.overflowed()) {
        std::string_view piece = bytes.substr(0, step);
        bytes.remove_prefix(piece.size());
        SseEvent event;
        while (decoder.next(piece, event)) {
            require(event.data.size() <= bound && event.name.size() <= bound);
            out.events.emplace_back(std::string(event.name), std::string(event.data),
                                    std::string(event.id));
        }
        require(piece.empty() || decoder.overflowed());
    }
    out.overflowed = decoder.overflowed();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Outcome whole = decode(bytes, size + 1, event_bytes_max);
    for (const std::size_t step : {std::size_t{1}, std::size_t{2}, size / 2 + 1})
        require(decode(bytes, step, event_bytes_max) == whole);

    std::string written;
    for (const Kept& event : whole.events)
        weir::wire::append_event(written, event.name, event.data);
    // Every line of data costs up to seven bytes of "data: " and LF more.
    const Outcome again = decode(written, size + 1, 8 * event_bytes_max);
    require(again.events.size() == whole.events.size());
    for (std::size_t i = 0; i < again.events.size(); ++i) {
        require(again.events[i].name == whole.events[i].name);
        require(again.events[i].data == whole.events[i].data);
    }
    return 0;
}
