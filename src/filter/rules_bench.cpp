// What a request pays for content rules.

#include "filter/builtin_rules.h"
#include "filter/request_text.h"
#include "json/writer.h"

#include <benchmark/benchmark.h>
#include <fmt/core.h>

namespace weir::filter {
namespace {

constexpr std::string_view prose =
    "The quick brown fox jumps over the lazy dog; on 12 May it sold 400 tasks, e.g. to Skills. ";

std::string text_of(std::size_t bytes, std::string_view piece) {
    std::string out;
    while (out.size() < bytes) out += piece;
    return out;
}

// The built-in rules, and as many more as make 500.
std::shared_ptr<const RuleSet> many() {
    std::vector<Rule> rules = builtin_rules();
    for (int i = 0; rules.size() < 500; ++i) {
        Rule rule;
        rule.id = fmt::format("own-{}", i);
        rule.pattern = fmt::format(R"((?i)\bcode{}name[a-z]{{2,12}}{}\b)", i * 7919 % 1000, i);
        rule.category = "own";
        rule.action = Action::block;
        rules.push_back(std::move(rule));
    }
    return *RuleSet::compile(std::move(rules));
}

void find(benchmark::State& state, const RuleSet& rules, const std::string& text) {
    for (auto _ : state) benchmark::DoNotOptimize(rules.find(text, {}));
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}

void builtin_ascii(benchmark::State& state) { find(state, **rules_of({}), text_of(4096, prose)); }
void many_ascii(benchmark::State& state) { find(state, *many(), text_of(4096, prose)); }
void many_other(benchmark::State& state) {
    find(state, *many(), text_of(4096, "Größe und Länge der Straße: schön, nicht wahr? "));
}
void many_disguised(benchmark::State& state) {
    find(state, *many(), text_of(4096, "The \xef\xbd\x91uick brown fox jumps over the lazy dog. "));
}
void one_delta(benchmark::State& state) { find(state, *many(), "one word more "); }
void a_key(benchmark::State& state) {
    find(state, **rules_of({}), text_of(4000, prose) + " sk-proj-" + text_of(60, "abc123"));
}
// The worst that a body of that size may cost.
void all_matches(benchmark::State& state) {
    find(state, **rules_of({}), text_of(1'000'000, "4111 1111 1111 1112 "));
}
void request(benchmark::State& state) {
    const auto rules = *rules_of({});
    std::string body = R"({"model":"m","messages":[{"role":"user","content":)";
    json::append_quoted(body, text_of(2048, prose));
    body += "}]}";
    for (auto _ : state) benchmark::DoNotOptimize(inspect_request(*rules, body, {}));
}
BENCHMARK(builtin_ascii);
BENCHMARK(many_ascii);
BENCHMARK(many_other);
BENCHMARK(many_disguised);
BENCHMARK(one_delta);
BENCHMARK(a_key);
BENCHMARK(all_matches);
BENCHMARK(request);

} // namespace
} // namespace weir::filter
