#include "bill.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace sim {
namespace {

constexpr std::size_t most_models = 100'000;

struct Sum {
    std::uint64_t requests = 0;
    std::uint64_t completed = 0;
    std::uint64_t aborted = 0;
    std::uint64_t failed = 0;
    std::uint64_t open = 0;
    std::uint64_t tokens_in = 0;
    std::uint64_t tokens_out = 0;

    explicit Sum() = default;
    explicit Sum(const Tally& tally)
        : requests(tally.requests),
          completed(tally.completed),
          aborted(tally.aborted),
          failed(tally.failed),
          open(tally.open),
          tokens_in(tally.tokens_in),
          tokens_out(tally.tokens_out) {}

    void add(const Sum& other) {
        requests += other.requests;
        completed += other.completed;
        aborted += other.aborted;
        failed += other.failed;
        open += other.open;
        tokens_in += other.tokens_in;
        tokens_out += other.tokens_out;
    }
};

void append_fields(std::string& out, const Sum& sum) {
    fmt::format_to(std::back_inserter(out),
                   R"("requests":{},"completed":{},"aborted":{},"failed":{},"open":{},)"
                   R"("tokens_in":{},"tokens_out":{})",
                   sum.requests, sum.completed, sum.aborted, sum.failed, sum.open, sum.tokens_in,
                   sum.tokens_out);
}

} // namespace

Model* Bill::find(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    const auto found = models_.find(name);
    if (found != models_.end()) return found->second.get();
    if (models_.size() >= most_models) return nullptr;
    return models_.emplace(std::string(name), std::make_unique<Model>(name)).first->second.get();
}

std::string Bill::json() const {
    const std::scoped_lock lock(mutex_);
    Sum total;
    std::string by_model;
    for (const auto& [name, model] : models_) {
        const Sum sum(model->tally);
        if (sum.requests == 0) continue;
        total.add(sum);
        if (!by_model.empty()) by_model += ',';
        append_json_string(by_model, name);
        by_model += ":{";
        append_fields(by_model, sum);
        by_model += '}';
    }
    std::string out = "{";
    append_fields(out, total);
    fmt::format_to(std::back_inserter(out), R"(,"refused":{},"followed":{},"by_model":{{)",
                   refused.load(), followed.load());
    return out + by_model + "}}\n";
}

void Bill::reset() {
    const std::scoped_lock lock(mutex_);
    refused = 0;
    followed = 0;
    for (const auto& [name, model] : models_) {
        Tally& tally = model->tally;
        tally.requests = tally.open.load();
        tally.completed = tally.aborted = tally.failed = 0;
        tally.tokens_in = tally.tokens_out = 0;
        model->seen = 0;
    }
}

} // namespace sim
