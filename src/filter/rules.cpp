#include "filter/rules.h"

#include "base/guarded.h"
#include "filter/plain_text.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <hs/hs.h>
#include <set>
#include <tuple>
#include <utility>

namespace weir::filter {
namespace {

constexpr std::size_t rules_max = 10'000;
constexpr std::array<std::string_view, 4> actions{"off", "alert", "redact", "block"};
// Steps of the automata that one text may take: some milliseconds.
constexpr std::int64_t steps_least = 1'000'000;
constexpr std::int64_t steps_a_byte = 8;

// Luhn's checksum (ISO/IEC 7812-1, annex B) of the digits in it.
bool is_luhn(std::string_view text) {
    int sum = 0;
    int place = 0;
    for (std::size_t i = text.size(); i > 0; --i) {
        const char c = text[i - 1];
        if (c < '0' || c > '9') continue;
        int digit = c - '0';
        if (place++ % 2 == 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    return place >= 13 && sum % 10 == 0;
}

// ISO 13616: the first four characters go to the end, letters are 10 to 35, modulo 97 is 1.
bool is_iban(std::string_view text) {
    std::string plain;
    for (const char c : text)
        if (c != ' ') plain.push_back(c);
    if (plain.size() < 15 || plain.size() > 34) return false;
    std::ranges::rotate(plain, plain.begin() + 4);
    int rest = 0;
    for (const char c : plain) {
        if (c >= '0' && c <= '9') rest = (rest * 10 + (c - '0')) % 97;
        else if (c >= 'A' && c <= 'Z') rest = (rest * 100 + (c - 'A' + 10)) % 97;
        else return false;
    }
    return rest == 1;
}

bool holds(Check check, std::string_view match) {
    switch (check) {
    case Check::none: return true;
    case Check::luhn: return is_luhn(match);
    case Check::iban: return is_iban(match);
    }
    return true;
}

// Where matches of a rule end: at every byte from one to another.
struct Ends {
    std::uint32_t rule;
    std::uint32_t first;
    std::uint32_t last;
};
constexpr std::size_t ends_max = 1'000'000; // of one text: more is an attack

// The newest of each rule is the one that may go on.
struct Found {
    std::vector<Ends> ends;
    std::vector<std::uint32_t> newest; // by rule, from 1; 0: none
};

} // namespace

std::string_view name(Action action) { return actions[static_cast<std::size_t>(action)]; }

std::optional<Action> parse_action(std::string_view text) {
    const auto found = std::ranges::find(actions, text);
    if (found == actions.end()) return std::nullopt;
    return static_cast<Action>(found - actions.begin());
}

// Vectorscan's part. Each scan needs a scratch of its own; those of earlier ones are used again.
struct RuleSet::Engine {
    hs_database_t* database = nullptr;
    hs_scratch_t* model = nullptr;
    mutable Guarded<std::vector<hs_scratch_t*>> spare;

    ~Engine() {
        for (hs_scratch_t* const scratch : *spare.lock()) hs_free_scratch(scratch);
        hs_free_scratch(model);
        hs_free_database(database);
    }

    hs_scratch_t* borrow() const {
        {
            auto free = spare.lock();
            if (!free->empty()) {
                hs_scratch_t* const out = free->back();
                free->pop_back();
                return out;
            }
        }
        hs_scratch_t* out = nullptr;
        return hs_clone_scratch(model, &out) == HS_SUCCESS ? out : nullptr;
    }

    // False where it cannot be told.
    [[nodiscard]] bool scan(std::string_view text, Found& out) const {
        if (text.size() > UINT32_MAX / 2) return false;
        hs_scratch_t* const scratch = borrow();
        if (scratch == nullptr) return false;
        const auto note = [](unsigned rule, unsigned long long, unsigned long long to, unsigned,
                             void* into) {
            Found& found = *static_cast<Found*>(into);
            const auto at = static_cast<std::uint32_t>(to);
            std::uint32_t& newest = found.newest[rule];
            if (newest != 0 && at <= found.ends[newest - 1].last + 1) {
                found.ends[newest - 1].last = at;
                return 0;
            }
            if (found.ends.size() >= ends_max) return 1;
            found.ends.push_back({rule, at, at});
            newest = static_cast<std::uint32_t>(found.ends.size());
            return 0;
        };
        const auto done = hs_scan(database, text.data(), static_cast<unsigned>(text.size()), 0,
                                  scratch, note, &out);
        spare.lock()->push_back(scratch);
        return done == HS_SUCCESS;
    }
};

RuleSet::RuleSet(Made) {}
RuleSet::~RuleSet() = default;

Result<std::shared_ptr<const RuleSet>> RuleSet::compile(std::vector<Rule> rules) {
    std::erase_if(rules, [](const Rule& rule) { return rule.action == Action::off; });
    if (rules.size() > rules_max)
        return refuse(Errc::invalid_value, fmt::format("more than {} rules", rules_max));
    const auto out = std::make_shared<RuleSet>(Made());
    out->rules_ = std::move(rules);
    std::set<std::string_view> ids;
    std::vector<const char*> expressions;
    std::vector<unsigned> flags;
    std::vector<unsigned> numbers;
    for (const Rule& rule : out->rules_) {
        if (!ids.insert(rule.id).second)
            return refuse(Errc::invalid_value,
                          fmt::format("rule {}: its id is not unique", rule.id));
        auto pattern = Pattern::parse(rule.pattern);
        if (!pattern)
            return refuse(Errc::invalid_value,
                          fmt::format("rule {}: {}", rule.id, pattern.error().message()));
        if (rule.action != Action::alert && !pattern->width())
            return refuse(Errc::invalid_value,
                          fmt::format("rule {}: to {} it, a match needs a longest length: count "
                                      "with an upper bound, such as {{20,200}}",
                                      rule.id, name(rule.action)));
        out->patterns_.push_back(*std::move(pattern));
    }
    if (out->rules_.empty()) return out;
    for (std::size_t i = 0; i < out->patterns_.size(); ++i) {
        expressions.push_back(out->patterns_[i].expression().c_str());
        flags.push_back(0);
        numbers.push_back(static_cast<unsigned>(i));
    }
    out->engine_ = std::make_unique<Engine>();
    hs_compile_error_t* wrong = nullptr;
    if (hs_compile_multi(expressions.data(), flags.data(), numbers.data(),
                         static_cast<unsigned>(expressions.size()), HS_MODE_BLOCK, nullptr,
                         &out->engine_->database, &wrong) != HS_SUCCESS) {
        const std::string which = wrong->expression >= 0
                                      ? out->rules_[static_cast<std::size_t>(wrong->expression)].id
                                      : "(all)";
        std::string why = fmt::format("rule {}: {}", which, wrong->message);
        hs_free_compile_error(wrong);
        return refuse(Errc::invalid_value, std::move(why));
    }
    if (hs_alloc_scratch(out->engine_->database, &out->engine_->model) != HS_SUCCESS)
        return refuse(Errc::invalid_value, "no memory for the rules");
    return out;
}

bool RuleSet::applies(const Rule& rule, const Scope& scope) const {
    const auto named = [](const std::vector<std::string>& names, std::string_view name) {
        return names.empty() || std::ranges::find(names, name) != names.end();
    };
    return named(rule.teams, scope.team) && named(rule.models, scope.model);
}

void RuleSet::find_raw(std::string_view text, const Scope& scope, std::vector<Hit>& out) const {
    thread_local Found found;
    found.ends.clear();
    found.newest.assign(rules_.size(), 0);
    if (!engine_->scan(text, found)) {
        // What cannot be looked at is not let through.
        for (const Rule& rule : rules_)
            if (applies(rule, scope)) out.push_back({&rule, {0, text.size()}});
        return;
    }
    if (found.ends.empty()) return;
    std::ranges::sort(found.ends, {},
                      [](const Ends& ends) { return std::pair(ends.rule, ends.first); });
    std::int64_t budget = steps_least + steps_a_byte * static_cast<std::int64_t>(text.size());
    std::size_t from = 0;
    const Rule* last = nullptr;
    for (const Ends& ends : found.ends) {
        const Rule& rule = rules_[ends.rule];
        if (!applies(rule, scope)) continue;
        if (std::exchange(last, &rule) != &rule) from = 0;
        for (std::size_t at = std::max<std::size_t>(ends.first, from + 1); at <= ends.last;
             at = from + 1) {
            const auto span = patterns_[ends.rule].around(text, from, at, budget);
            if (budget < 0) {
                out.push_back({&rule, {from, text.size()}});
                return;
            }
            from = span ? span->end : at;
            if (span && holds(rule.check, text.substr(span->begin, span->end - span->begin)))
                out.push_back({&rule, *span});
        }
    }
}

std::vector<Hit> RuleSet::find(std::string_view text, const Scope& scope) const {
    std::vector<Hit> out;
    if (rules_.empty() || text.empty()) return out;
    find_raw(text, scope, out);
    if (const auto plain = plain_text(text)) {
        std::vector<Hit> seen;
        find_raw(plain->text, scope, seen);
        for (Hit& hit : seen) {
            hit.span = {plain->begins[hit.span.begin], plain->ends[hit.span.end - 1]};
            out.push_back(hit);
        }
    }
    const auto place = [](const Hit& hit) {
        return std::tuple(hit.span.begin, hit.span.end, hit.rule);
    };
    std::ranges::sort(out, {}, place);
    const auto [first, end] = std::ranges::unique(out, {}, place);
    out.erase(first, end);
    return out;
}

} // namespace weir::filter
