#include "base/error.h"

namespace weir {

std::string_view name(Errc code) {
    switch (code) {
    case Errc::invalid_api_key: return "invalid_api_key";
    case Errc::model_not_allowed: return "model_not_allowed";
    case Errc::role_required: return "role_required";
    case Errc::csrf: return "csrf";
    case Errc::source_blocked: return "source_blocked";
    case Errc::model_not_found: return "model_not_found";
    case Errc::not_found: return "not_found";
    case Errc::stream_not_found: return "stream_not_found";
    case Errc::method_not_allowed: return "method_not_allowed";
    case Errc::invalid_json: return "invalid_json";
    case Errc::invalid_type: return "invalid_type";
    case Errc::missing_required_parameter: return "missing_required_parameter";
    case Errc::unknown_parameter: return "unknown_parameter";
    case Errc::invalid_value: return "invalid_value";
    case Errc::integer_above_max_value: return "integer_above_max_value";
    case Errc::integer_below_min_value: return "integer_below_min_value";
    case Errc::string_above_max_length: return "string_above_max_length";
    case Errc::array_above_max_length: return "array_above_max_length";
    case Errc::empty_array: return "empty_array";
    case Errc::content_policy_violation: return "content_policy_violation";
    case Errc::set_by_file: return "set_by_file";
    case Errc::conflict: return "conflict";
    case Errc::idempotency_answer_too_large: return "idempotency_answer_too_large";
    case Errc::idempotency_key_reused: return "idempotency_key_reused";
    case Errc::stream_gone: return "stream_gone";
    case Errc::request_too_large: return "request_too_large";
    case Errc::quota_exceeded: return "quota_exceeded";
    case Errc::rate_limit_exceeded: return "rate_limit_exceeded";
    case Errc::upstream_credentials_exhausted: return "upstream_credentials_exhausted";
    case Errc::upstream_error: return "upstream_error";
    case Errc::upstream_malformed: return "upstream_malformed";
    case Errc::stream_truncated: return "stream_truncated";
    case Errc::stream_cancelled: return "stream_cancelled";
    case Errc::upstream_unavailable: return "upstream_unavailable";
    case Errc::shutting_down: return "shutting_down";
    case Errc::overloaded: return "overloaded";
    case Errc::ledger_unavailable: return "ledger_unavailable";
    case Errc::upstream_timeout: return "upstream_timeout";
    case Errc::upstream_rejected: return "upstream_rejected";
    case Errc::bad_request: return "bad_request";
    case Errc::length_required: return "length_required";
    case Errc::client_left: return "client_left";
    case Errc::internal: return "internal_error";
    }
    return "internal_error";
}

Error::Parts& Error::parts() {
    if (!parts_) parts_ = std::make_shared<Parts>();
    return *parts_;
}

const std::vector<Error::Fault>& Error::more() const {
    static const std::vector<Fault> none;
    return parts_ ? parts_->more : none;
}

} // namespace weir
