#pragma once
// Reads the JSON body of an administrative request: known fields of known types, nothing else.

#include "chat/faults.h"
#include "json/document.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace weir::endpoints {

class AdminFields {
public:
    // An empty body counts as {}. Errors: invalid_json.
    static Result<AdminFields> parse(std::string_view body);

    std::optional<std::string> text(std::string_view name);
    std::optional<bool> boolean(std::string_view name);
    std::optional<std::int64_t> integer(std::string_view name);
    std::vector<std::string> texts(std::string_view name);
    std::string required(std::string_view name);
    bool is_null(std::string_view name);
    // A field whose value has the right type and still makes no sense.
    void wrong(std::string_view name, std::string message);
    // Call when every field was asked for. Errors: the first fault, or unknown_parameter.
    Result<void> finish();

private:
    explicit AdminFields(json::Document document) : document_(std::move(document)) {}
    std::optional<json::Value> find(std::string_view name);

    json::Document document_;
    chat::Faults faults_;
    std::set<std::string, std::less<>> known_;
};

} // namespace weir::endpoints
