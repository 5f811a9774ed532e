#pragma once
// A request that content rules have passed: the only kind that may be answered. What stands here is
// the gate that every road leads through.

#include "base/guarded.h"
#include "chat/chat_request.h"
#include "filter/request_text.h"

#include <functional>

namespace weir::filter {

// The rules in force, exchanged while requests are looked at. Thread: any.
class Rules {
public:
    explicit Rules(std::shared_ptr<const RuleSet> set) : set_(std::move(set)) {}
    std::shared_ptr<const RuleSet> get() const { return *set_.lock(); }
    void set(std::shared_ptr<const RuleSet> set) { *set_.lock() = std::move(set); }

private:
    mutable Guarded<std::shared_ptr<const RuleSet>> set_;
};

class Checked {
public:
    const chat::ChatRequest& request() const { return request_; }

private:
    friend Result<Checked> check(chat::ChatRequest request);
    explicit Checked(chat::ChatRequest request) : request_(std::move(request)) {}
    chat::ChatRequest request_;
};

// A request that was made of one that has passed, or of a body that inspect_request() has looked
// at and given back.
Result<Checked> check(chat::ChatRequest request);

// Looks at a request that came in. `body` is what it was made of, and is replaced where something
// is redacted; then `parse` makes the request once more. `noticed` is told of every rule that
// matched, also where the request is refused. Errors: content_policy_violation, naming the rule.
using Parse = Result<chat::ChatRequest> (*)(std::string_view body);
using Notice = std::function<void(const Noticed& noticed)>;
Result<Checked> check(chat::ChatRequest request, std::string& body, Parse parse,
                      const RuleSet& rules, const Scope& scope, const Notice& notice);

} // namespace weir::filter
