#pragma once
// Named types for ids and quantities: a Tokens cannot be passed where a NanoUsd is wanted. The tag
// carries the name; arithmetic exists only for quantities.

#include <compare>
#include <cstdint>
#include <functional>
#include <utility>

namespace weir {

template <class Tag, class Rep = std::int64_t>
class Id {
public:
    constexpr Id() = default;
    constexpr explicit Id(Rep value) : value_(std::move(value)) {}
    constexpr const Rep& value() const { return value_; }
    friend constexpr auto operator<=>(const Id&, const Id&) = default;
    friend constexpr bool operator==(const Id&, const Id&) = default;

private:
    Rep value_{};
};

template <class Tag>
class Quantity {
public:
    constexpr Quantity() = default;
    constexpr explicit Quantity(std::int64_t value) : value_(value) {}
    constexpr std::int64_t value() const { return value_; }
    friend constexpr auto operator<=>(const Quantity&, const Quantity&) = default;
    friend constexpr bool operator==(const Quantity&, const Quantity&) = default;
    constexpr Quantity operator+(Quantity other) const { return Quantity(value_ + other.value_); }
    constexpr Quantity operator-(Quantity other) const { return Quantity(value_ - other.value_); }
    constexpr Quantity& operator+=(Quantity other) {
        value_ += other.value_;
        return *this;
    }

private:
    std::int64_t value_ = 0;
};

} // namespace weir

template <class Tag, class Rep>
struct std::hash<weir::Id<Tag, Rep>> {
    std::size_t operator()(const weir::Id<Tag, Rep>& id) const noexcept {
        return std::hash<Rep>{}(id.value());
    }
};
