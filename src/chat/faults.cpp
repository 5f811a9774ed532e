#include "chat/faults.h"

#include <fmt/core.h>

namespace weir::chat {
namespace {

constexpr std::size_t faults_max = 9;

} // namespace

void Faults::add(Errc code, std::string param, std::string message) {
    if (faults_.size() < faults_max)
        faults_.push_back({code, std::move(message), std::move(param)});
}

bool Faults::full() const { return faults_.size() >= faults_max; }

void Faults::wrong_type(const json::Value& value, std::string_view expected) {
    if (full()) return;
    std::string path = value.path();
    std::string message = fmt::format("Invalid type for '{}': expected {}, but got {} instead.",
                                      path, expected, json::name(value.kind()));
    add(Errc::invalid_type, std::move(path), std::move(message));
}

Error Faults::error() && {
    Error::Fault first = std::move(faults_.front());
    faults_.erase(faults_.begin());
    return Error(first.code, std::move(first.message))
        .at(std::move(first.param))
        .and_also(std::move(faults_));
}

std::optional<std::string_view> Faults::text(const json::Value& value) {
    if (value.is(json::Kind::string)) return value.text();
    if (!value.is_null()) wrong_type(value, "a string");
    return std::nullopt;
}

std::optional<std::int64_t> Faults::integer(const json::Value& value, std::int64_t min,
                                            std::int64_t max) {
    if (value.is_null()) return std::nullopt;
    if (!value.is(json::Kind::integer)) {
        wrong_type(value, "an integer");
        return std::nullopt;
    }
    const std::int64_t number = value.integer();
    if (number >= min && number <= max) return number;
    if (full()) return std::nullopt;
    const bool low = number < min;
    add(low ? Errc::integer_below_min_value : Errc::integer_above_max_value, value.path(),
        fmt::format("Invalid '{}': expected a value {} {}, but got {} instead.", value.path(),
                    low ? ">=" : "<=", low ? min : max, number));
    return std::nullopt;
}

std::optional<double> Faults::number(const json::Value& value, double min, double max) {
    if (value.is_null()) return std::nullopt;
    if (!value.is(json::Kind::integer) && !value.is(json::Kind::number)) {
        wrong_type(value, "a number");
        return std::nullopt;
    }
    const double number = value.number();
    if (number >= min && number <= max) return number;
    add(Errc::invalid_value, value.path(),
        fmt::format("Invalid '{}': expected a number from {} to {}.", value.path(), min, max));
    return std::nullopt;
}

std::optional<bool> Faults::boolean(const json::Value& value) {
    if (value.is(json::Kind::boolean)) return value.boolean();
    if (!value.is_null()) wrong_type(value, "a boolean");
    return std::nullopt;
}

bool Faults::object(const json::Value& value) {
    if (value.is(json::Kind::object)) return true;
    wrong_type(value, "an object");
    return false;
}

bool Faults::array(const json::Value& value, std::size_t max) {
    if (!value.is(json::Kind::array)) {
        wrong_type(value, "an array");
        return false;
    }
    if (value.size() <= max) return true;
    add(Errc::array_above_max_length, value.path(),
        fmt::format("Invalid '{}': expected at most {} items, but got {} instead.", value.path(),
                    max, value.size()));
    return false;
}

} // namespace weir::chat
