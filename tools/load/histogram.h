// Counts durations in nanoseconds in buckets at most 0.4 % wide, in constant memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace load {

class Histogram {
public:
    void add(std::uint64_t value) {
        if (buckets_.empty()) buckets_.resize(rows * row);
        ++buckets_[std::min(index_of(value), rows * row - 1)];
        ++count_;
        most_ = std::max(most_, value);
    }

    std::uint64_t count() const { return count_; }
    std::uint64_t most() const { return most_; }

    // The value below which `share` of all lie; 0 when there are none.
    std::uint64_t at(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen > wanted) return std::min(middle_of(i), most_);
        }
        return most_;
    }

private:
    // Values below 256 have their own bucket; after that each power of two has 256.
    static constexpr std::size_t row = 256;
    static constexpr std::size_t rows = 40;

    static std::size_t index_of(std::uint64_t value) {
        if (value < row) return value;
        const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 9;
        return (shift + 1) * row + ((value >> shift) - row);
    }
    static std::uint64_t middle_of(std::size_t index) {
        if (index < row) return index;
        const std::size_t shift = index / row - 1;
        return ((index % row + row) << shift) + ((std::uint64_t{1} << shift) >> 1U);
    }

    std::vector<std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
    std::uint64_t most_ = 0;
};

} // namespace load
