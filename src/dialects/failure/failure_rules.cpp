// allow(orphan): the table behind dialects/failure/provider_failure.h.

#include "dialects/failure/provider_failure.h"

#include <array>

namespace weir::dialects {
namespace {

using enum FailureClass;
using Words = std::string_view;

constexpr auto kinds_0 = std::to_array<Words>(
    {"context_length", "context_size", "context_window", "tokens_limit_reached"});
constexpr auto kinds_1 = std::to_array<Words>(
    {"content_filter", "content_policy", "moderation", "responsibleaipolicy", "inspection_failed",
     "prohibited_content", "invalid_prompt", "cyber_policy"});
constexpr auto kinds_2 = std::to_array<Words>({"in_flight_budget"});
constexpr auto kinds_3 = std::to_array<Words>(
    {"insufficient_quota", "billing", "credit_balance", "spend_limit", "usage_limit_exceeded",
     "current_quota", "not_enough_balance", "arrearage", "blocked_api_access", "budget_exceeded"});
constexpr auto kinds_4 = std::to_array<Words>(
    {"api_key", "authentication", "unauthenticated", "deactivated", "organization_restricted",
     "suspended", "service_disabled", "unsupported_country", "ip_not_authorized"});
constexpr auto words_5 = std::to_array<Words>(
    {"context length", "context window", "context size", "context limit", "maximum prompt length",
     "prompt is too long", "input is too long", "kv size", "input token count", "`inputs` tokens",
     "`inputs` must have less", "too many tokens:", "range of input length", "model token limit",
     "request too large for"});
constexpr auto words_6 = std::to_array<Words>(
    {"usage policy", "content management policy", "content filtering policy", "usage guidelines",
     "safety system", "was flagged", "content exists risk"});
constexpr auto statuses_7 = std::to_array<int>({400, 402, 403, 412, 429});
constexpr auto words_7 = std::to_array<Words>(
    {"credit balance is too low", "insufficient balance", "available credits", "any credits",
     "out of credits", "prepayment credits", "api usage limits", "spending limit", "spending cap",
     "key limit exceeded", "monthly budget"});
constexpr auto statuses_8 = std::to_array<int>({400, 401, 403});
constexpr auto words_8 = std::to_array<Words>(
    {"api key not valid", "incorrect api key", "reported as leaked", "has been disabled",
     "currently not allowed", "location is not supported"});
constexpr auto statuses_9 = std::to_array<int>({400, 401, 403, 429});
constexpr auto words_9 = std::to_array<Words>(
    {"missing scopes", "must be verified", "model not exist", "not a valid model",
     "not supported by provider", "requires a subscription", "for this subscription",
     "extra usage is required", "gated repo", "access to the model"});
constexpr auto statuses_10 = std::to_array<int>({403});
constexpr auto words_10 = std::to_array<Words>({"call volume quota"});
constexpr auto kinds_11 =
    std::to_array<Words>({"model_not_", "permission", "deploymentnotfound", "operationnotsupported",
                          "model_terms", "model_decommissioned", "invalid_model", "not_supported"});
constexpr auto kinds_12 = std::to_array<Words>(
    {"overloaded", "unavailable", "capacity", "queue_exceeded", "shared_pool"});
constexpr auto statuses_13 = std::to_array<int>({200, 429, 500, 503});
constexpr auto words_13 =
    std::to_array<Words>({"overloaded", "at capacity", "over capacity", "tier capacity",
                          "high demand", "more system memory"});
constexpr auto kinds_14 = std::to_array<Words>(
    {"rate_limit", "ratelimit", "slow_down", "resource_exhausted", "too_many_requests"});
constexpr auto statuses_15 = std::to_array<int>({200});
constexpr auto kinds_15 = std::to_array<Words>({"invalid_request"});
constexpr auto statuses_16 = std::to_array<int>({402});
constexpr auto statuses_17 = std::to_array<int>({401});
constexpr auto statuses_18 = std::to_array<int>({429});
constexpr auto statuses_19 = std::to_array<int>({413});
constexpr auto kinds_20 = std::to_array<Words>({"body:html"});
constexpr auto statuses_21 = std::to_array<int>({403});
constexpr auto statuses_22 = std::to_array<int>({404});
constexpr auto words_22 = std::to_array<Words>({"item with id"});
constexpr auto statuses_23 = std::to_array<int>({404});
constexpr auto statuses_24 = std::to_array<int>({498, 503, 529});
constexpr auto statuses_25 = std::to_array<int>({400, 405, 411, 412, 414, 415, 422, 431});

constexpr std::array<FailureRule, 27> rules{{
    // Codes and types that mean one thing anywhere.
    {{}, kinds_0, {}, context},
    {{}, kinds_1, {}, policy},
    {{}, kinds_2, {}, rate},
    {{}, kinds_3, {}, billing},
    {{}, kinds_4, {}, auth},
    // Phrases, for what is told in words alone.
    {{}, {}, words_5, context},
    {{}, {}, words_6, policy},
    {statuses_7, {}, words_7, billing},
    {statuses_8, {}, words_8, auth},
    {statuses_9, {}, words_9, access},
    {statuses_10, {}, words_10, rate},
    // Codes that other words may overrule.
    {{}, kinds_11, {}, access},
    {{}, kinds_12, {}, capacity},
    {statuses_13, {}, words_13, capacity},
    {{}, kinds_14, {}, rate},
    {statuses_15, kinds_15, {}, request},
    // The status, when nothing else spoke.
    {statuses_16, {}, {}, billing},
    {statuses_17, {}, {}, auth},
    {statuses_18, {}, {}, rate},
    {statuses_19, {}, {}, request},
    {{}, kinds_20, {}, transient},
    {statuses_21, {}, {}, auth},
    {statuses_22, {}, words_22, request},
    {statuses_23, {}, {}, access},
    {statuses_24, {}, {}, capacity},
    {statuses_25, {}, {}, request},
    {{}, {}, {}, transient},
}};

} // namespace

std::span<const FailureRule> failure_rules() { return rules; }

} // namespace weir::dialects
