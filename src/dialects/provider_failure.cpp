#include "dialects/provider_failure.h"

#include "base/text.h"
#include "json/document.h"

namespace weir::dialects {
namespace {

constexpr std::size_t message_bytes = 512;
constexpr std::chrono::milliseconds retry_max = std::chrono::hours(1);

bool mentions(std::string_view text, std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words)
        if (text.find(word) != std::string_view::npos) return true;
    return false;
}

std::optional<std::chrono::milliseconds> wait_time(const RetryHeaders& headers) {
    const bool fine = headers.retry_after_ms.has_value();
    const auto& text = fine ? headers.retry_after_ms : headers.retry_after;
    if (!text) return std::nullopt;
    // A fraction is dropped; a date is not read: providers send neither today.
    const auto number = parse_decimal(text->substr(0, text->find('.')));
    if (!number || *number > 1'000'000'000) return std::nullopt;
    const auto wait =
        std::chrono::milliseconds(static_cast<std::int64_t>(*number) * (fine ? 1 : 1000));
    return std::min(wait, retry_max);
}

} // namespace

ProviderFailure classify_failure(int status, std::string_view body, const RetryHeaders& headers) {
    ProviderFailure out;
    std::string kind; // code and type together
    if (const auto document = json::Document::parse(body);
        document && document->root().is(json::Kind::object)) {
        json::Value where = document->root();
        if (const auto error = where.find("error"); error && error->is(json::Kind::object))
            where = *error;
        for (const std::string_view key : {"code", "type"})
            if (const auto value = where.find(key); value && value->is(json::Kind::string))
                kind += std::string(value->text()) + " ";
        if (const auto words = where.find("message"); words && words->is(json::Kind::string))
            out.message = clip(words->text(), message_bytes);
    }
    out.retry_after = wait_time(headers);
    const bool about_money = mentions(
        kind, {"insufficient_quota", "billing", "credit_balance", "spend_limit", "usage_limit"});
    // A model that this key may not use says nothing about its other models.
    const bool about_model = mentions(kind, {"model", "permission"});
    if (status == 402 || (about_money && (status == 403 || status == 429)))
        out.kind = FailureClass::billing;
    else if (status == 429) out.kind = FailureClass::rate;
    else if (status == 401 || mentions(kind, {"invalid_api_key"})) out.kind = FailureClass::auth;
    else if (status == 403) out.kind = about_model ? FailureClass::transient : FailureClass::auth;
    else if (status == 400 || status == 404 || status == 413 || status == 415 || status == 422)
        out.kind = FailureClass::request;
    else out.kind = FailureClass::transient;
    return out;
}

} // namespace weir::dialects
