// weir-load: drives JSON requests and streams at a gateway on this machine and checks every byte of
// the answers.
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "driver.h"
#include "report.h"

namespace {

struct Options {
    std::string url;
    std::vector<std::string> keys;
    std::string model = "sim:chunks=8,size=16";
    std::size_t connections = 32;
    std::uint64_t requests = 0;
    std::string duration;
    std::string timeout = "30s";
    std::string hold = "5s";
    double rate = 0;
    std::size_t body_bytes = 2048;
    bool usage = false;
    bool same = false;
    bool unchecked = false;
    bool json = false;
};

std::uint64_t nanoseconds(const std::string& text) {
    const auto pause = sim::parse_pause(text);
    if (!pause) throw std::invalid_argument("not a duration: " + text);
    return static_cast<std::uint64_t>(pause->count());
}

void add_options(CLI::App& app, Options& options) {
    app.add_option("--url", options.url, "http://127.0.0.1:PORT/v1/chat/completions")->required();
    app.add_option("--key", options.keys, "sent as Authorization: Bearer; repeatable, in turn");
    app.add_option("--model", options.model, "the model name; its script says what must come")
        ->capture_default_str();
    app.add_option("--requests", options.requests, "stop after so many");
    app.add_option("--timeout", options.timeout, "of one request")->capture_default_str();
    app.add_option("--body-bytes", options.body_bytes, "of a request")
        ->capture_default_str()
        ->check(CLI::Range(0, 64 << 20));
    app.add_flag("--usage", options.usage, "ask for usage in streams");
    app.add_flag("--same", options.same, "all requests are the same, byte for byte");
    app.add_flag("--unchecked", options.unchecked, "do not compare the text");
    app.add_flag("--json", options.json, "print one JSON object");
}

void add_pace(CLI::App& app, Options& options) {
    app.add_option("--connections", options.connections, "at a time")
        ->capture_default_str()
        ->check(CLI::Range(1, 20'000));
    app.add_option("--duration", options.duration, "begin new requests for so long (3s)");
    app.add_option("--rate", options.rate, "open loop: requests a second, however slow the answers")
        ->check(CLI::Range(0.0, 1'000'000.0));
}

load::Plan plan_of(const Options& options, load::Mode mode) {
    const auto script = sim::parse_script(options.model);
    if (!script) throw std::invalid_argument("--model: " + script.error());
    // The text of tool calls stands in their arguments, which are not read here.
    const bool checks = !options.unchecked && script->tools == 0 && mode != load::Mode::idle;
    return {mode, *script, checks};
}

load::Pace pace_of(const Options& options) {
    load::Pace pace{.connections = options.connections,
                    .requests = options.requests,
                    .rate = options.rate,
                    .timeout_ns = nanoseconds(options.timeout)};
    if (!options.duration.empty()) pace.duration_ns = nanoseconds(options.duration);
    if (pace.requests == 0 && pace.duration_ns == 0) pace.duration_ns = nanoseconds("3s");
    return pace;
}

load::Outcome hold_streams(load::Driver& driver, const Options& options) {
    load::Outcome outcome = driver.open_streams();
    fmt::print(stderr, "holding: {}\n", outcome.ok);
    driver.hold(nanoseconds(options.hold), outcome);
    return outcome;
}

int run(const Options& options, load::Mode mode, const std::string& name) {
    const auto target = load::parse_target(options.url);
    if (!target) throw std::invalid_argument(target.error());
    const auto variety = options.same ? load::Variety::all_the_same : load::Variety::each_its_own;
    load::RequestMaker maker({.authority = target->authority,
                              .path = target->path,
                              .model = options.model,
                              .keys = options.keys,
                              .body_bytes = options.body_bytes,
                              .mode = mode,
                              .variety = variety,
                              .include_usage = options.usage});
    load::Pace pace = pace_of(options);
    if (mode == load::Mode::idle)
        pace = {.connections = options.connections,
                .requests = options.connections,
                .timeout_ns = pace.timeout_ns};
    load::Driver driver(*target, plan_of(options, mode), pace, maker);
    const load::Outcome outcome =
        mode == load::Mode::idle ? hold_streams(driver, options) : driver.run();
    fmt::print("{}",
               options.json ? load::json_report(name, outcome) : load::human_report(name, outcome));
    return outcome.failures.empty() && outcome.ok > 0 ? 0 : 1;
}

void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app(
        "weir-load: drives requests at a gateway on this machine and checks every answer.\n"
        "Exit code 0 when every answer was right, 1 otherwise.");
    app.require_subcommand(1);
    CLI::App* json = app.add_subcommand("json", "whole answers");
    CLI::App* stream = app.add_subcommand("stream", "streamed answers");
    CLI::App* idle =
        app.add_subcommand("idle", "open many slow streams, print holding: N on stderr, "
                                   "hold them");
    for (CLI::App* command : {json, stream, idle}) add_options(*command, options);
    for (CLI::App* command : {json, stream}) add_pace(*command, options);
    idle->add_option("--streams", options.connections, "to open")->check(CLI::Range(1, 20'000));
    idle->add_option("--hold", options.hold, "hold them so long, or until standard input ends")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    raise_file_limit();
    try {
        if (json->parsed()) return run(options, load::Mode::json, "json");
        if (stream->parsed()) return run(options, load::Mode::stream, "stream");
        return run(options, load::Mode::idle, "idle");
    } catch (const std::exception& fault) {
        fmt::print(stderr, "weir-load: {}\n", fault.what());
        return 2;
    }
}
