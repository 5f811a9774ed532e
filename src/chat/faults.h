#pragma once
// Collects what is wrong with a request while it is read, so that one answer can name the first
// fault in document order and a few more. Also the readers of single fields, which state the fault
// in OpenAI's words.

#include "base/error.h"
#include "json/document.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::chat {

class Faults {
public:
    void add(Errc code, std::string param, std::string message);
    void wrong_type(const json::Value& value, std::string_view expected);
    bool none() const { return faults_.empty(); }
    // No more are told: what would say where one is need not be made.
    bool full() const;
    // The first fault as an error, up to eight more as its details. Requires: !none().
    Error error() &&;

    // Each reads a value of one type, or records a fault and gives nullopt; null counts as absent.
    std::optional<std::string_view> text(const json::Value& value);
    std::optional<std::int64_t> integer(const json::Value& value, std::int64_t min,
                                        std::int64_t max);
    std::optional<double> number(const json::Value& value, double min, double max);
    std::optional<bool> boolean(const json::Value& value);
    bool object(const json::Value& value);
    bool array(const json::Value& value, std::size_t max);

private:
    std::vector<Error::Fault> faults_;
};

} // namespace weir::chat
