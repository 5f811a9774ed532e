// The first byte picks the framing; the rest is the body. However it is cut, the same comes out.

#include "wire/body_decoder.h"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using weir::wire::BodyDecoder;
using weir::wire::Framing;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Outcome {
    bool refused = false;
    bool done = false;
    bool complete = false;
    std::size_t used = 0;
    std::string body;

    bool operator==(const Outcome&) const = default;
};

// Pieces of `step` bytes each, the last one shorter.
Outcome decode(const Framing& framing, std::string_view bytes, std::size_t step) {
    BodyDecoder decoder(framing);
    Outcome out;
    out.done = decoder.done();
    while (out.used < bytes.size() && !out.done) {
        std::string_view piece = bytes.substr(out.used, step);
        const auto fed = decoder.feed(piece);
        if (!fed) {
            // How many bytes the error came after depends on the cuts; the body before it does not.
            out.refused = true;
            out.used = 0;
            return out;
        }
        require(fed->used > 0 && fed->used <= piece.size() && fed->piece.size() <= fed->used);
        require(fed->piece.empty() ||
                (fed->piece.data() >= piece.data() &&
                 fed->piece.data() + fed->piece.size() <= piece.data() + fed->used));
        require(fed->done == decoder.done());
        out.body += fed->piece;
        out.used += fed->used;
        out.done = fed->done;
    }
    require(decoder.received() == out.body.size());
    out.complete = decoder.complete_at_end_of_input();
    return out;
}

Framing pick(std::uint8_t choice) {
    switch (choice % 8) {
    case 0: return {Framing::Kind::length, choice / 8u};
    case 1: return {Framing::Kind::until_close, 0};
    case 2: return {Framing::Kind::none, 0};
    default: return {Framing::Kind::chunked, 0};
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Framing framing = pick(data[0]);
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    const Outcome whole = decode(framing, bytes, size);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, size / 2 + 1})
        require(decode(framing, bytes, step) == whole);
    require(!whole.done || whole.complete);
    if (framing.kind == Framing::Kind::until_close) require(whole.body == bytes && whole.complete);
    if (framing.kind == Framing::Kind::length) {
        require(whole.body == bytes.substr(0, framing.length));
        require(whole.complete == (bytes.size() >= framing.length));
    }
    // A chunked body ends with an empty line, and never takes a byte past it.
    if (framing.kind == Framing::Kind::chunked && whole.done)
        require(bytes.substr(0, whole.used).ends_with("\r\n\r\n"));
    return 0;
}
