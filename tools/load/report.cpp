#include "report.h"

#include <fmt/format.h>

#include <iterator>
#include <numeric>

#include "json_text.h"

namespace load {
namespace {

double micros(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; }

double rate(const Outcome& outcome) {
    return outcome.seconds > 0 ? static_cast<double>(outcome.ok) / outcome.seconds : 0;
}

std::uint64_t failures(const Outcome& outcome) {
    std::uint64_t sum = 0;
    for (const auto& [kind, count] : outcome.failures) sum += count;
    return sum;
}

void append_line(std::string& out, std::string_view name, const Histogram& values) {
    if (values.count() == 0) return;
    fmt::format_to(std::back_inserter(out),
                   "{:<12}p50 {:>9.1f} us   p90 {:>9.1f} us   p99 {:>9.1f} us   max {:>9.1f} us\n",
                   name, micros(values.at(0.5)), micros(values.at(0.9)), micros(values.at(0.99)),
                   micros(values.most()));
}

void append_object(std::string& out, std::string_view name, const Histogram& values) {
    if (values.count() == 0) {
        fmt::format_to(std::back_inserter(out), R"(,"{}":null)", name);
        return;
    }
    fmt::format_to(std::back_inserter(out),
                   R"(,"{}":{{"count":{},"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"max":{:.1f}}})",
                   name, values.count(), micros(values.at(0.5)), micros(values.at(0.9)),
                   micros(values.at(0.99)), micros(values.most()));
}

} // namespace

std::string human_report(std::string_view mode, const Outcome& outcome) {
    std::string out = fmt::format("{}: {} requests in {:.2f} s, {} right, {} failed, {:.0f}/s\n",
                                  mode, outcome.requests, outcome.seconds, outcome.ok,
                                  failures(outcome), rate(outcome));
    for (const auto& [kind, count] : outcome.failures) {
        fmt::format_to(std::back_inserter(out), "  {:>8} x {}\n", count, kind);
    }
    append_line(out, "latency", outcome.measured.latency);
    append_line(out, "first event", outcome.measured.first_event);
    append_line(out, "chunk", outcome.measured.chunk);
    return out;
}

std::string json_report(std::string_view mode, const Outcome& outcome) {
    std::string out = fmt::format(
        R"({{"mode":"{}","seconds":{:.6f},"requests":{},"ok":{},"failed":{},"rps":{:.1f},)"
        R"("chunks":{},"bytes":{},"errors":{{)",
        mode, outcome.seconds, outcome.requests, outcome.ok, failures(outcome), rate(outcome),
        outcome.measured.chunks, outcome.measured.bytes);
    for (const auto& [kind, count] : outcome.failures) {
        if (out.back() != '{') out += ',';
        sim::append_json_string(out, kind);
        fmt::format_to(std::back_inserter(out), ":{}", count);
    }
    out += '}';
    append_object(out, "latency_us", outcome.measured.latency);
    append_object(out, "first_event_us", outcome.measured.first_event);
    append_object(out, "chunk_us", outcome.measured.chunk);
    return out + "}\n";
}

} // namespace load
