#include "endpoints/admin/fields.h"

#include <fmt/core.h>

namespace weir::endpoints {

Result<AdminFields> AdminFields::parse(std::string_view body) {
    WEIR_TRY(json::Document document, json::Document::parse(body.empty() ? "{}" : body));
    if (!document.root().is(json::Kind::object))
        return refuse(Errc::invalid_json, "The body must be a JSON object.");
    return AdminFields(std::move(document));
}

std::optional<json::Value> AdminFields::find(std::string_view name) {
    known_.emplace(name);
    return document_.root().find(name);
}

std::optional<std::string> AdminFields::text(std::string_view name) {
    const auto value = find(name);
    const auto text = value ? faults_.text(*value) : std::nullopt;
    return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::optional<bool> AdminFields::boolean(std::string_view name) {
    const auto value = find(name);
    return value ? faults_.boolean(*value) : std::nullopt;
}

std::optional<std::int64_t> AdminFields::integer(std::string_view name) {
    const auto value = find(name);
    return value ? faults_.integer(*value, 0, INT64_MAX / 4) : std::nullopt;
}

std::vector<std::string> AdminFields::texts(std::string_view name) {
    std::vector<std::string> out;
    const auto value = find(name);
    if (!value || value->is_null() || !faults_.array(*value, 1'000)) return out;
    for (const json::Value item : *value) {
        if (!item.is(json::Kind::string)) faults_.wrong_type(item, "a string");
        else out.emplace_back(item.text());
    }
    return out;
}

std::string AdminFields::required(std::string_view name) {
    auto value = text(name);
    if (!value)
        faults_.add(Errc::missing_required_parameter, std::string(name),
                    fmt::format("Missing required parameter: '{}'.", name));
    return value.value_or("");
}

bool AdminFields::is_null(std::string_view name) {
    const auto value = find(name);
    return value && value->is_null();
}

void AdminFields::wrong(std::string_view name, std::string message) {
    faults_.add(Errc::invalid_value, std::string(name), std::move(message));
}

Result<void> AdminFields::finish() {
    for (const json::Value member : document_.root()) {
        if (!known_.contains(member.key()))
            faults_.add(Errc::unknown_parameter, member.path(),
                        fmt::format("Unknown parameter: '{}'.", member.path()));
    }
    if (!faults_.none()) return std::unexpected(std::move(faults_).error());
    return {};
}

} // namespace weir::endpoints
