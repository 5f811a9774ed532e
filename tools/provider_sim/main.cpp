// weir-sim: an OpenAI-compatible provider that keeps its own bill and misbehaves on request.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "grammar.h"
#include "provider.h"
#include "reactor.h"

namespace {

struct Options {
    std::string listen = "127.0.0.1:9000";
    std::string send_buffer = "4096";
    unsigned threads = 1;
    sim::Settings settings;
};

constexpr const char* routes =
    "\nRoutes: POST [/v1]/chat/completions, GET [/v1]/models, GET and DELETE /bill,\n"
    "GET /connections (who left early, newest first), GET /requests (with --record), GET "
    "/livez.\n\n";

std::uint32_t parse_number(std::string_view text, std::uint32_t most) {
    std::uint32_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size() || value > most) {
        throw std::invalid_argument("not a number in range: " + std::string(text));
    }
    return value;
}

sim::Place parse_place(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) throw std::invalid_argument("--listen wants ADDR:PORT");
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const std::uint32_t port = parse_number(text.substr(colon + 1), 65535);
    return {std::string(host), static_cast<std::uint16_t>(port)};
}

void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void end_at_once(int) { _exit(0); }

[[noreturn]] void serve(Options options) {
    sim::Place place = parse_place(options.listen);
    if (options.send_buffer != "default") {
        options.settings.send_buffer = parse_number(options.send_buffer, 1U << 30U);
    } else {
        options.settings.send_buffer = 0;
    }
    sim::Provider provider(std::move(options.settings));
    const auto sharing =
        options.threads > 1 ? sim::Sharing::with_other_threads : sim::Sharing::alone;
    std::vector<std::unique_ptr<sim::Reactor>> reactors;
    for (unsigned i = 0; i < options.threads; ++i) {
        const int listener = sim::listen_on(place, sharing, provider.settings.send_buffer);
        place.port = sim::port_of(listener);
        reactors.push_back(std::make_unique<sim::Reactor>(listener, provider));
    }
    const bool six = place.host.find(':') != std::string::npos;
    fmt::print("listening: http://{}{}{}:{}\nready\n", six ? "[" : "", place.host, six ? "]" : "",
               place.port);
    std::fflush(stdout);
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < reactors.size(); ++i) {
        threads.emplace_back([&reactor = *reactors[i]] { reactor.run(); });
    }
    reactors.front()->run();
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("weir-sim: a provider that misbehaves on request, and keeps its own bill.");
    app.footer(routes + sim::grammar_help());
    app.add_option("--listen", options.listen, "ADDR:PORT; port 0 picks one")
        ->capture_default_str();
    app.add_option("--threads", options.threads, "event loops")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_option("--send-buffer", options.send_buffer, "bytes of SO_SNDBUF, or default")
        ->capture_default_str();
    app.add_option("--require-key", options.settings.required_keys, "others get 401; repeatable");
    app.add_option("--revoked-key", options.settings.revoked_keys, "gets 401; repeatable");
    app.add_option("--limited-key", options.settings.limited_keys, "gets 429; repeatable");
    app.add_option("--record", options.settings.requests_kept, "requests kept for GET /requests")
        ->check(CLI::Range(0, 10'000));
    app.add_flag("--verbose", options.settings.verbose, "a line for each answer on stderr");
    CLI11_PARSE(app, argc, argv);

    // A peer may close at any time; send() says so without a signal.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGTERM, end_at_once);
    std::signal(SIGINT, end_at_once);
    raise_file_limit();
    try {
        serve(std::move(options));
    } catch (const std::exception& fault) {
        fmt::print(stderr, "weir-sim: {}\n", fault.what());
        return 1;
    }
}
