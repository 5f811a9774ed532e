// Whatever the bytes and however they are cut: the same verdict, and an accepted head keeps its
// promises.

#include "base/text.h"
#include "wire/head_collector.h"
#include "wire/request_head.h"

#include <cstdint>
#include <cstdlib>

namespace {

using weir::wire::Framing;
using weir::wire::RequestHead;

void require(bool condition) {
    if (!condition) std::abort();
}

struct Verdict {
    int status = 0; // 200: accepted, 0: more bytes are awaited
    std::size_t used = 0;
    RequestHead head;
};

// Pieces of `step` bytes each, the last one shorter.
Verdict judge(std::string_view bytes, std::size_t step) {
    Verdict verdict;
    weir::wire::HeadCollector collector;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, step);
        const auto fed = collector.feed(piece);
        if (!fed) {
            verdict.status = fed.error().status;
            return verdict;
        }
        verdict.used += fed->used;
        if (!fed->whole) {
            require(fed->used == piece.size());
            bytes.remove_prefix(piece.size());
            continue;
        }
        auto head = RequestHead::parse(collector.take());
        require(collector.empty());
        verdict.status = head ? 200 : head.error().status;
        if (head) verdict.head = *std::move(head);
        return verdict;
    }
    return verdict;
}

bool is_clean(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
    }
    return true;
}

bool is_visible(std::string_view text) {
    for (const char c : text)
        if (c <= ' ' || c == 0x7f) return false; // char is signed here: bytes over 0x7f are below
    return true;
}

void check(const RequestHead& head) {
    const auto& fields = head.fields();
    const std::size_t hosts = fields.count("host");
    const std::size_t lengths = fields.count("content-length");
    const std::size_t codings = fields.count("transfer-encoding");
    require(hosts == 1 || (hosts == 0 && head.minor() == 0));
    require(hosts == 0 || weir::wire::is_authority(head.host()));
    require(weir::wire::is_token(head.method()));
    require(head.path() == "*" || head.path().starts_with('/'));
    require(is_visible(head.path()) && is_visible(head.query()) && is_visible(head.host()));
    for (const auto& field : fields.all()) {
        require(weir::wire::is_token(field.name) && is_clean(field.value));
        require(weir::trim(field.value) == field.value);
    }
    switch (head.framing().kind) {
    case Framing::Kind::none: require(lengths == 0 && codings == 0); break;
    case Framing::Kind::length:
        require(lengths == 1 && codings == 0);
        require(weir::parse_decimal(*head.find("content-length")) == head.framing().length);
        break;
    case Framing::Kind::chunked: require(lengths == 0 && codings == 1 && head.minor() == 1); break;
    case Framing::Kind::until_close: require(false); break;
    }
    require(!head.expects_continue() || (head.has_body() && head.minor() == 1));
    require(!head.keep_alive() || !fields.lists("connection", "close"));
}

std::string rewritten(const RequestHead& head) {
    std::string out(head.method());
    out.append(" ").append(head.path());
    if (!head.query().empty()) out.append("?").append(head.query());
    out += head.minor() == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
    for (const auto& field : head.fields().all())
        out.append(field.name).append(": ").append(field.value).append("\r\n");
    return out + "\r\n";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const Verdict whole = judge(bytes, size + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{7}, size / 2 + 1}) {
        const Verdict cut = judge(bytes, step);
        // Of a head that is both too long and malformed, either may be seen first.
        const bool long_one = whole.status == 414 || whole.status == 431;
        require(cut.status == whole.status || (long_one && cut.status >= 400));
        require(whole.status >= 400 || cut.used == whole.used);
    }
    if (whole.status != 200) return 0;
    check(whole.head);
    // What was understood is all there was: written again from its parts, it reads the same.
    const std::string text = rewritten(whole.head);
    const auto again = RequestHead::parse(text);
    if (text.size() > bytes.size() + 2 * whole.head.fields().all().size()) std::abort();
    if (again) {
        check(*again);
        require(rewritten(*again) == text);
    } else {
        require(again.error().status == 414);
    }
    return 0;
}
