#pragma once
// Content rules, compiled: what is looked for in requests, and what is done about it. Immutable;
// a reload makes another set. All patterns are looked for at once (Vectorscan, block mode), in the
// text as it is and, where it is not ASCII, in its compatibility form (Unicode NFKC) without the
// characters that nobody sees; spans are of the text as it is.
// Thread: any.

#include "base/error.h"
#include "filter/pattern.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::filter {

enum class Action : std::uint8_t { off, alert, redact, block }; // the later one is the stronger
enum class Check : std::uint8_t { none, luhn, iban };           // of the digits of a match
std::string_view name(Action action);
std::optional<Action> parse_action(std::string_view text);

struct Rule {
    std::string id;
    std::string pattern;
    std::string category;
    Action action = Action::alert;
    Check check = Check::none;
    std::vector<std::string> teams;  // none: all
    std::vector<std::string> models; // as the client names them; none: all
};

// For whom a text is looked at.
struct Scope {
    std::string_view team;
    std::string_view model;
};

struct Hit {
    const Rule* rule;
    Span span;
};

class RuleSet {
public:
    // Errors: invalid_value, naming the rule and what is wrong with it.
    static Result<std::shared_ptr<const RuleSet>> compile(std::vector<Rule> rules);
    ~RuleSet();
    RuleSet(const RuleSet&) = delete;
    RuleSet& operator=(const RuleSet&) = delete;

    const std::vector<Rule>& rules() const { return rules_; }
    bool empty() const { return rules_.empty(); }
    // Every match, in order; those of one rule do not overlap. A text on which too much work would
    // be spent is one match of the rule that needed it, from there to its end.
    std::vector<Hit> find(std::string_view text, const Scope& scope) const;

private:
    struct Engine;
    struct Made {};

public:
    explicit RuleSet(Made); // by compile() alone

private:
    void find_raw(std::string_view text, const Scope& scope, std::vector<Hit>& out) const;
    bool applies(const Rule& rule, const Scope& scope) const;

    std::vector<Rule> rules_;
    std::vector<Pattern> patterns_;
    std::unique_ptr<Engine> engine_;
};

} // namespace weir::filter
