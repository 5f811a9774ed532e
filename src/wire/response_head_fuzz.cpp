// Whatever the bytes and however they are cut: the same verdict, and an accepted head keeps its
// promises.

#include "base/text.h"
#include "wire/head_collector.h"
#include "wire/response_head.h"

#include <cstdint>
#include <cstdlib>
#include <optional>

namespace {

using weir::wire::Framing;
using weir::wire::ResponseHead;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Verdict {
    bool refused = false;
    std::size_t used = 0;
    std::optional<ResponseHead> head;
};

// Pieces of `step` bytes each, the last one shorter.
Verdict judge(std::string_view bytes, std::size_t step) {
    Verdict verdict;
    weir::wire::HeadCollector collector;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, step);
        const auto fed = collector.feed(piece);
        if (!fed) {
            verdict.refused = true;
            return verdict;
        }
        verdict.used += fed->used;
        if (!fed->whole) {
            bytes.remove_prefix(piece.size());
            continue;
        }
        auto head = ResponseHead::parse(collector.take());
        verdict.refused = !head;
        if (head) verdict.head = *std::move(head);
        return verdict;
    }
    return verdict;
}

void check(const ResponseHead& head) {
    const auto& fields = head.fields();
    const std::size_t lengths = fields.count("content-length");
    const std::size_t codings = fields.count("transfer-encoding");
    require(head.status() >= 100 && head.status() <= 599);
    require(head.informational() == (head.status() < 200));
    for (const auto& field : fields.all()) {
        require(weir::wire::is_token(field.name));
        require(field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
    const bool bodiless = head.informational() || head.status() == 204 || head.status() == 304;
    switch (head.framing().kind) {
    case Framing::Kind::none: require(bodiless); break;
    case Framing::Kind::length:
        require(!bodiless && lengths == 1 && codings == 0);
        require(weir::parse_decimal(*head.find("content-length")) == head.framing().length);
        break;
    case Framing::Kind::chunked: require(!bodiless && lengths == 0 && codings == 1); break;
    case Framing::Kind::until_close:
        require(!bodiless && lengths == 0 && codings == 0 && !head.keep_alive());
        break;
    }
    require(!head.keep_alive() || !fields.lists("connection", "close"));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Verdict whole = judge(bytes, size + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, size / 2 + 1}) {
        const Verdict cut = judge(bytes, step);
        require(cut.refused == whole.refused && cut.head.has_value() == whole.head.has_value());
        require(whole.refused || cut.used == whole.used);
        if (cut.head) require(cut.head->status() == whole.head->status());
    }
    if (whole.head) check(*whole.head);
    return 0;
}
