#include "chat/byte_pairs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <queue>

namespace weir::chat {
namespace {

constexpr std::size_t short_piece = 48;       // bytes; above it the heap is faster
constexpr std::size_t tokens_max = 1'000'000; // of a vocabulary

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto wide = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(wide) ^ static_cast<std::uint64_t>(wide >> 64);
}

// The vocabulary is fixed and public, so nobody gains by colliding with it; never 0.
std::uint64_t hash_of(std::string_view bytes) {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = bytes.size() * odd;
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        hash = mix(hash ^ word, odd);
    }
    std::uint64_t word = 0;
    std::memcpy(&word, at, left);
    return mix(hash ^ word, 0xd6e8feb86659fd93) | 1;
}

// Base64 (RFC 4648, section 4), appended to `out`; false where it is not.
bool decode_base64(std::string_view text, std::string& out) {
    static constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static constexpr auto values = [] {
        std::array<std::int8_t, 256> table{};
        table.fill(-1);
        for (std::size_t i = 0; i < alphabet.size(); ++i)
            table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
        return table;
    }();
    while (text.ends_with('=')) text.remove_suffix(1);
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        const std::int8_t value = values[static_cast<unsigned char>(c)];
        if (value < 0) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        out.push_back(static_cast<char>(bits >> have & 0xff));
    }
    return true;
}

} // namespace

std::optional<BytePairs> BytePairs::parse(std::string_view ranks) {
    constexpr std::string_view name = "\"bpe_ranks\":\"! 0 ";
    const std::size_t found = ranks.find(name);
    if (found == std::string_view::npos) return std::nullopt;
    std::string_view list = ranks.substr(found + name.size());
    const std::size_t end = list.find('"');
    if (end == std::string_view::npos) return std::nullopt;
    list = list.substr(0, end);

    BytePairs out;
    out.bytes_.reserve(list.size());
    while (!list.empty()) {
        const std::size_t space = std::min(list.find(' '), list.size());
        const auto begin = static_cast<std::uint32_t>(out.bytes_.size());
        if (!decode_base64(list.substr(0, space), out.bytes_)) return std::nullopt;
        const auto length = static_cast<std::uint32_t>(out.bytes_.size()) - begin;
        if (length == 0 || out.tokens_.size() >= tokens_max) return std::nullopt;
        out.tokens_.push_back({begin, length});
        out.longest_ = std::max<std::size_t>(out.longest_, length);
        list.remove_prefix(std::min(space + 1, list.size()));
    }
    out.make_index();
    // Any text can be encoded where every byte is a token of its own.
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        if (out.rank_of({&c, 1}) == none) return std::nullopt;
    }
    return out;
}

void BytePairs::make_index() {
    slots_.resize(std::bit_ceil(tokens_.size() * 2));
    const std::size_t mask = slots_.size() - 1;
    for (std::uint32_t rank = 0; rank < tokens_.size(); ++rank) {
        const std::uint64_t hash =
            hash_of(std::string_view(bytes_).substr(tokens_[rank].begin, tokens_[rank].length));
        std::size_t at = hash >> 1 & mask;
        while (slots_[at].hash != 0) at = (at + 1) & mask;
        slots_[at] = {hash, rank};
    }
}

std::uint32_t BytePairs::rank_of(std::string_view bytes) const {
    if (bytes.size() > longest_) return none;
    const std::uint64_t hash = hash_of(bytes);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash >> 1 & mask; slots_[at].hash != 0; at = (at + 1) & mask) {
        if (slots_[at].hash != hash) continue;
        const Token& token = tokens_[slots_[at].rank];
        if (std::string_view(bytes_).substr(token.begin, token.length) == bytes)
            return slots_[at].rank;
    }
    return none;
}

std::uint32_t BytePairs::pair_rank(std::string_view piece, const std::vector<Part>& parts,
                                   std::size_t i) const {
    if (i + 2 >= parts.size()) return none;
    return rank_of(piece.substr(parts[i].begin, parts[i + 2].begin - parts[i].begin));
}

void BytePairs::join_short(std::string_view piece, std::vector<Part>& parts) const {
    for (std::uint32_t i = 0; i <= piece.size(); ++i) parts.push_back({i, none});
    for (std::size_t i = 0; i + 2 < parts.size(); ++i) parts[i].rank = pair_rank(piece, parts, i);
    while (true) {
        const auto lowest = std::ranges::min_element(parts, {}, &Part::rank);
        if (lowest->rank == none) return;
        const auto i = static_cast<std::size_t>(lowest - parts.begin());
        parts.erase(lowest + 1);
        parts[i].rank = pair_rank(piece, parts, i);
        if (i > 0) parts[i - 1].rank = pair_rank(piece, parts, i - 1);
    }
}

// A list of parts, and the pairs by rank, then by place. A pair in the heap that is no longer what
// stands in the list is passed over.
void BytePairs::join_long(std::string_view piece, std::vector<Part>& parts) const {
    struct Link {
        std::uint32_t before;
        std::uint32_t end; // of the part that begins here: where the next one begins
        std::uint32_t rank;
    };
    const auto size = static_cast<std::uint32_t>(piece.size());
    std::vector<Link> links(size + 1);
    using Pair = std::pair<std::uint32_t, std::uint32_t>; // rank, place
    std::vector<Pair> first;
    first.reserve(size);
    const auto rank_at = [&](std::uint32_t i) {
        if (links[i].end >= size) return none;
        return rank_of(piece.substr(i, links[links[i].end].end - i));
    };
    for (std::uint32_t i = 0; i <= size; ++i) links[i] = {i == 0 ? none : i - 1, i + 1, none};
    for (std::uint32_t i = 0; i < size; ++i) {
        links[i].rank = rank_at(i);
        if (links[i].rank != none) first.emplace_back(links[i].rank, i);
    }
    std::priority_queue<Pair, std::vector<Pair>, std::greater<>> pairs(std::greater<>(),
                                                                       std::move(first));
    while (!pairs.empty()) {
        const auto [rank, i] = pairs.top();
        pairs.pop();
        if (links[i].rank != rank) continue;
        const std::uint32_t next = links[i].end;
        links[next].rank = none; // it is no part of its own any more
        links[i].end = links[next].end;
        if (links[i].end <= size) links[links[i].end].before = i;
        for (const std::uint32_t place : {i, links[i].before}) {
            if (place == none) continue;
            links[place].rank = rank_at(place);
            if (links[place].rank != none) pairs.emplace(links[place].rank, place);
        }
    }
    for (std::uint32_t i = 0; i < size; i = links[i].end) parts.push_back({i, none});
    parts.push_back({size, none});
}

const std::vector<BytePairs::Part>& BytePairs::join(std::string_view piece) const {
    thread_local std::vector<Part> parts;
    parts.clear();
    if (piece.size() <= short_piece) join_short(piece, parts);
    else join_long(piece, parts);
    return parts;
}

std::size_t BytePairs::count(std::string_view piece) const {
    if (piece.empty()) return 0;
    if (rank_of(piece) != none) return 1;
    return join(piece).size() - 1;
}

void BytePairs::encode(std::string_view piece, std::vector<std::uint32_t>& out) const {
    if (piece.empty()) return;
    if (const std::uint32_t whole = rank_of(piece); whole != none) {
        out.push_back(whole);
        return;
    }
    const auto& parts = join(piece);
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
        out.push_back(rank_of(piece.substr(parts[i].begin, parts[i + 1].begin - parts[i].begin)));
}

} // namespace weir::chat
