#include "dialects/error_shape.h"

#include "json/writer.h"

namespace weir::dialects {
namespace {

struct Row {
    int status;
    std::string_view type;
    std::string_view message; // where the error brings none of its own
};

constexpr std::string_view bad = "invalid_request_error";
constexpr std::string_view api = "api_error";

Row row_of(Errc code) {
    switch (code) {
    case Errc::invalid_api_key: return {401, bad, "The API key is missing or wrong."};
    case Errc::model_not_allowed:
        return {403, "permission_error", "This key may not use this model."};
    case Errc::role_required:
        return {403, "permission_error", "Your role does not open this door."};
    case Errc::csrf: return {403, "permission_error", "The CSRF token is missing or wrong."};
    case Errc::source_blocked: return {403, "permission_error", "Requests from here are blocked."};
    case Errc::model_not_found: return {404, bad, "There is no such model."};
    case Errc::not_found: return {404, bad, "There is nothing at this path."};
    case Errc::stream_not_found: return {404, bad, "There is no such stream."};
    case Errc::method_not_allowed: return {405, bad, "This path does not take this method."};
    case Errc::invalid_json:
    case Errc::invalid_type:
    case Errc::missing_required_parameter:
    case Errc::unknown_parameter:
    case Errc::invalid_value:
    case Errc::integer_above_max_value:
    case Errc::integer_below_min_value:
    case Errc::string_above_max_length:
    case Errc::array_above_max_length:
    case Errc::empty_array: return {400, bad, "The request is not valid."};
    case Errc::content_policy_violation: return {400, bad, "The content policy refuses this."};
    case Errc::set_by_file:
        return {409, bad, "The configuration file sets this value; change it there."};
    case Errc::conflict: return {409, bad, "This clashes with what is there."};
    case Errc::idempotency_answer_too_large:
        return {409, bad, "The answer under this Idempotency-Key was too large to keep."};
    case Errc::idempotency_key_reused:
        return {422, bad, "This Idempotency-Key was used with another request."};
    case Errc::stream_gone: return {410, bad, "The stream no longer reaches back that far."};
    case Errc::request_too_large: return {413, bad, "The body is too large."};
    case Errc::quota_exceeded: return {429, "insufficient_quota", "A budget is used up."};
    case Errc::rate_limit_exceeded: return {429, "rate_limit_error", "Too many requests."};
    case Errc::upstream_credentials_exhausted:
        return {502, api, "Every key for this model's providers has been refused by them."};
    case Errc::upstream_error: return {502, api, "The provider failed."};
    case Errc::upstream_malformed: return {502, api, "The provider sent a damaged answer."};
    case Errc::stream_truncated:
        return {502, api, "The provider's answer ended before it was finished."};
    case Errc::stream_cancelled: return {499, api, "The stream was cancelled."};
    case Errc::upstream_unavailable:
        return {503, api, "No provider of this model is available now."};
    case Errc::shutting_down: return {503, api, "The server is shutting down."};
    case Errc::overloaded: return {503, api, "The server is overloaded."};
    case Errc::ledger_unavailable:
        return {503, api, "The ledger cannot be written, so nothing can be charged."};
    case Errc::upstream_timeout: return {504, api, "The provider did not answer in time."};
    case Errc::upstream_rejected: return {400, bad, "The provider refused the request."};
    case Errc::bad_request: return {400, bad, "The request is malformed."};
    case Errc::length_required: return {411, bad, "A body with a Content-Length is expected."};
    case Errc::client_left: return {499, api, "The client left."};
    case Errc::internal:
        return {500, api, "Something went wrong here; the operator has been told."};
    }
    return {500, api, ""};
}

std::string_view anthropic_type(int status) {
    switch (status) {
    case 400:
    case 405:
    case 409:
    case 410:
    case 422: return "invalid_request_error";
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 503: return "overloaded_error";
    case 504: return "timeout_error";
    default: return "api_error";
    }
}

void write_openai(json::Writer& writer, const Error& error) {
    writer.begin_object().member("message", message_of(error));
    writer.member("type", row_of(error.code()).type).key("param");
    if (error.param().empty()) writer.null();
    else writer.value(error.param());
    writer.member("code", name(error.code()));
    if (!error.more().empty()) {
        writer.key("details").begin_array();
        for (const Error::Fault& fault : error.more()) {
            writer.begin_object().member("message", fault.message).member("param", fault.param);
            writer.member("code", name(fault.code)).end_object();
        }
        writer.end_array();
    }
    writer.end_object();
}

std::string openai_body(const Error& error) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object().key("error");
    write_openai(writer, error);
    writer.end_object();
    return out;
}

} // namespace

int status_of(const Error& error) {
    return error.status() != 0 ? error.status() : row_of(error.code()).status;
}

std::string message_of(const Error& error) {
    return std::string(error.message().empty() ? row_of(error.code()).message : error.message());
}

std::string error_body(const Error& error, Shape shape, std::string_view request_id) {
    if (shape == Shape::openai) return openai_body(error);
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("type", "error").key("error").begin_object();
    writer.member("type", anthropic_type(status_of(error))).member("message", message_of(error));
    writer.member("code", name(error.code())).end_object();
    writer.member("request_id", request_id).end_object();
    return out;
}

RetryAdvice retry_advice(const Error& error) {
    RetryAdvice advice;
    const int status = status_of(error);
    if (status == 429 || status == 503) advice.after = error.retry_after();
    // A client that waits at all should wait for something: without a known time, a second.
    if (status == 503 && !advice.after) advice.after = std::chrono::seconds(1);
    if (error.code() == Errc::quota_exceeded) advice.retry = RetryAdvice::Retry::pointless;
    return advice;
}

} // namespace weir::dialects
