#pragma once
// An IP address as sixteen bytes (IPv4 in its mapped form), and networks of them.

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

struct Address {
    std::array<unsigned char, 16> bytes{};

    friend auto operator<=>(const Address&, const Address&) = default;

    static Address from_v4(std::array<unsigned char, 4> octets);
    bool is_v4() const;
    bool is_loopback() const; // 127.0.0.0/8 and ::1
    // Loopback, private, link-local, unique local, multicast, unspecified, documentation or
    // metadata.
    bool is_private() const;
    // The address with all but the first `bits` bits (of its own family) cleared.
    Address prefix(int bits) const;
    std::string text() const;
};

struct Network {
    Address address;
    int bits = 0; // of the address's own family
    bool contains(const Address& candidate) const;
};

} // namespace weir
