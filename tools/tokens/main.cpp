// weir-tokens: what Weir's tokenizer makes of texts, for comparing it with another and for timing.

#include "chat/tokenizer.h"

#include <chrono>
#include <cstdio>
#include <fmt/core.h>
#include <iostream>
#include <iterator>
#include <string>

namespace {

using namespace weir;

constexpr std::string_view help =
    "usage: weir-tokens cl100k_base|o200k_base [--time]\n\n"
    "Reads texts from its input, each ended by a zero byte, and prints the ranks of each text's\n"
    "tokens on a line. With --time it prints how many bytes a second it counts instead.\n";

void print_ranks(std::string_view input, chat::Encoding encoding) {
    std::string out;
    for (std::size_t end = input.find('\0'); end != std::string_view::npos;
         end = input.find('\0')) {
        std::string_view between;
        for (const std::uint32_t rank : chat::encode_tokens(input.substr(0, end), encoding)) {
            out += fmt::format("{}{}", between, rank);
            between = " ";
        }
        out += '\n';
        input.remove_prefix(end + 1);
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
}

void print_speed(std::string_view input, chat::Encoding encoding) {
    using Clock = std::chrono::steady_clock;
    chat::byte_pairs(encoding);
    const auto begun = Clock::now();
    std::int64_t tokens = 0;
    std::size_t bytes = 0;
    while (Clock::now() - begun < std::chrono::seconds(1)) {
        tokens += chat::count_tokens(input, encoding);
        bytes += input.size();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    fmt::print("{:.1f} MB/s, {:.2f} bytes a token\n", static_cast<double>(bytes) / seconds / 1e6,
               static_cast<double>(bytes) / static_cast<double>(tokens));
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "";
    const bool time = argc == 3 && std::string_view(argv[2]) == "--time";
    const bool known = name == "cl100k_base" || name == "o200k_base";
    if (!known || (argc == 3 && !time) || argc > 3) {
        fmt::print(stderr, "{}", help);
        return 2;
    }
    const auto encoding =
        name == "cl100k_base" ? chat::Encoding::cl100k_base : chat::Encoding::o200k_base;
    const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
    if (time && input.empty()) return 2;
    if (time) print_speed(input, encoding);
    else print_ranks(input, encoding);
    return 0;
}
