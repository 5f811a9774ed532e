#pragma once
// A request that content rules have passed: the only kind that may be answered. There are no rules
// yet, so check() passes everything; what stands here is the gate that every road leads through.

#include "chat/chat_request.h"

namespace weir::filter {

class Checked {
public:
    const chat::ChatRequest& request() const { return request_; }

private:
    friend Result<Checked> check(chat::ChatRequest request);
    explicit Checked(chat::ChatRequest request) : request_(std::move(request)) {}
    chat::ChatRequest request_;
};

// Errors: content_policy_violation.
Result<Checked> check(chat::ChatRequest request);

} // namespace weir::filter
