#include "base/secret.h"

#include <sodium.h>

namespace weir {

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        wipe();
        value_ = other.value_;
    }
    return *this;
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        value_ = std::move(other.value_);
        other.wipe();
    }
    return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() {
    // A moved-from short string still holds its characters inside the object.
    sodium_memzero(value_.data(), value_.size());
    value_.clear();
}

bool Secret::matches(std::string_view candidate) const {
    return equal_in_constant_time(value_, candidate);
}

std::string without(std::string text, std::string_view secret) {
    // A very short one would mask ordinary words, and is none.
    if (secret.size() < 6) return text;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos;)
        text.replace(at, secret.size(), "[secret]");
    return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace weir
