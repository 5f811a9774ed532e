#pragma once
// Bytes that must not leak: a key, a password, a credential. No stream operator, wiped when
// dropped, compared in constant time. reveal() is where to look for who reads it.

#include <string>
#include <string_view>

namespace weir {

class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret& other);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();

    std::string_view reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    bool matches(std::string_view candidate) const;

private:
    void wipe();
    std::string value_;
};

// The text with every occurrence of the secret masked: for words that came from someone who knows
// it.
std::string without(std::string text, std::string_view secret);

// Equal, in time that depends on the lengths alone.
bool equal_in_constant_time(std::string_view a, std::string_view b);

} // namespace weir
