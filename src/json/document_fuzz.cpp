// Whatever the bytes: no crash, and what is accepted is JSON to simdjson's strict DOM parser too.

#include "json/document.h"
#include "json/writer.h"

#include <cstdint>
#include <cstdlib>
#include <simdjson.h>

namespace {

// Visits everything, so that every slice is read.
std::size_t visit(const weir::json::Value& value) {
    std::size_t sum = value.raw().size() + value.text().size() + value.key().size();
    if (sum > 0 && value.raw().empty()) std::abort();
    for (const auto child : value) sum += visit(child);
    return sum;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto document = weir::json::Document::parse(text);
    if (!document) return 0;
    visit(document->root());
    simdjson::dom::parser strict;
    if (strict.parse(text.data(), text.size()).error() == simdjson::SUCCESS) return 0;
    // The one thing the DOM parser refuses that RFC 8259 allows: integers and exponents beyond its
    // range.
    if (strict.parse(text.data(), text.size()).error() != simdjson::NUMBER_ERROR) std::abort();
    return 0;
}
