#include "filter/builtin_rules.h"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace weir::filter {
namespace {

struct Builtin {
    std::string_view id;
    std::string_view category;
    Action action;
    std::string_view pattern;
    Check check = Check::none;
};

using enum Action;

constexpr std::array table{
    // Credentials: of providers, of Weir, of others.
    Builtin{"weir-key", "credential", redact, R"(\bsk-weir-[A-Za-z0-9]{4,40}-[A-Za-z0-9]{16,80})"},
    Builtin{"openai-key", "credential", redact,
            R"(\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{32,200})"},
    Builtin{"anthropic-key", "credential", redact, R"(\bsk-ant-[A-Za-z0-9_-]{24,200})"},
    Builtin{"google-key", "credential", redact, R"(\bAIza[0-9A-Za-z_-]{35}\b)"},
    Builtin{"groq-key", "credential", redact, R"(\bgsk_[A-Za-z0-9]{40,60}\b)"},
    Builtin{"huggingface-token", "credential", redact, R"(\bhf_[A-Za-z0-9]{30,60}\b)"},
    Builtin{"xai-key", "credential", redact, R"(\bxai-[A-Za-z0-9]{60,100}\b)"},
    Builtin{"aws-access-key", "credential", redact, R"(\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)"},
    Builtin{"github-token", "credential", redact,
            R"(\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255}))"},
    Builtin{"gitlab-token", "credential", redact, R"(\bglpat-[A-Za-z0-9_-]{20,60})"},
    Builtin{"slack-token", "credential", redact, R"(\bxox[abeoprs]-[A-Za-z0-9-]{10,200})"},
    Builtin{"stripe-key", "credential", redact, R"(\b[rs]k_live_[A-Za-z0-9]{16,200})"},
    Builtin{"sendgrid-key", "credential", redact,
            R"(\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64})"},
    Builtin{"npm-token", "credential", redact, R"(\bnpm_[A-Za-z0-9]{36}\b)"},
    Builtin{"webhook-secret", "credential", redact, R"(\bwhsec_[A-Za-z0-9+/=]{24,100})"},
    // Its body has many forms and lengths: to take the header alone would leave the secret.
    Builtin{"private-key", "credential", block,
            R"(-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----)"},
    Builtin{"json-web-token", "credential", redact,
            R"(\beyJ[A-Za-z0-9_-]{10,300}\.eyJ[A-Za-z0-9_-]{10,1200}\.[A-Za-z0-9_-]{20,700})"},
    // What belongs to people.
    Builtin{"card-number", "card", redact, R"(\b[0-9](?:[ -]?[0-9]){12,18}\b)", Check::luhn},
    Builtin{"iban", "iban", redact, R"(\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b)", Check::iban},
    Builtin{"email", "email", off,
            R"(\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}\b)"},
    Builtin{"phone", "phone", off, R"(\+[1-9][0-9]{0,2}(?:[ -]?\(?[0-9]{1,4}\)?){2,5}\b)"},
    // Words that take a model away from its task. Many honest texts hold them: noticed alone.
    Builtin{"ignore-instructions", "injection", alert,
            R"((?i)\b(?:ignore|disregard|forget|override) (?:all |any |the |your |my ){0,3})"
            R"((?:previous |prior |above |earlier |preceding |system ){1,2})"
            R"((?:instructions?|prompts?|rules?|messages?|directions?)\b)"},
    Builtin{
        "reveal-prompt", "injection", alert,
        R"((?i)\b(?:reveal|print|show|repeat|output|leak) (?:me |us )?(?:all |the |your |of ){1,3})"
        R"((?:system|hidden|initial|secret|developer) (?:prompt|instructions?|messages?)\b)"},
    Builtin{"role-play-escape", "injection", alert,
            R"((?i)\b(?:you are now|act as|pretend to be) (?:DAN\b|an? (?:unrestricted|unfiltered|)"
            R"(uncensored|jailbroken) ))"},
    Builtin{"forged-turn", "injection", alert,
            R"(<\|(?:im_start|im_end|system|endoftext|start_header_id)\|>)"},
    // An answer that carries something away when it is shown.
    Builtin{"image-with-query", "exfiltration", alert,
            R"(!\[[^\]\n]{0,200}\]\(https?://[^)\s?]{1,200}\?[^)\s]{40,1000}\))"},
};

} // namespace

std::vector<Rule> builtin_rules() {
    std::vector<Rule> out;
    for (const Builtin& one : table) {
        Rule rule;
        rule.id = one.id;
        rule.category = one.category;
        rule.pattern = one.pattern;
        rule.action = one.action;
        rule.check = one.check;
        out.push_back(std::move(rule));
    }
    return out;
}

Result<std::shared_ptr<const RuleSet>> rules_of(const config::Filter& filter) {
    std::vector<Rule> rules;
    if (filter.builtin == config::Filter::Builtin::on) rules = builtin_rules();
    for (const config::FilterRule& one : filter.rules) {
        const auto wrong = [&](std::string_view what) {
            return refuse(Errc::invalid_value,
                          fmt::format("{}: rule {}: {}", one.origin, one.id, what));
        };
        const auto known = std::ranges::find(rules, one.id, &Rule::id);
        if (one.pattern.empty()) {
            if (known == rules.end()) return wrong("there is no built-in rule of that id");
            known->action = static_cast<Action>(*one.action);
            known->teams = one.teams;
            known->models = one.models;
            continue;
        }
        if (known != rules.end()) return wrong("there is a rule of that id already");
        Rule rule;
        rule.id = one.id;
        rule.pattern = one.pattern;
        rule.category = one.category.empty() ? "content" : one.category;
        rule.action = static_cast<Action>(one.action.value_or(config::FilterAction::alert));
        rule.teams = one.teams;
        rule.models = one.models;
        rules.push_back(std::move(rule));
    }
    return RuleSet::compile(std::move(rules));
}

} // namespace weir::filter
