#include "gateway/responder.h"

#include <algorithm>
#include <iterator>

namespace weir::gateway {
namespace {

constexpr std::size_t headers_expected = 12;

} // namespace

void Responder::add_header(std::string_view name, std::string value) {
    if (headers_.empty()) headers_.reserve(headers_expected);
    headers_.emplace_back(name, std::move(value));
}

void Responder::add_request_id() {
    add_header("x-request-id", record_->request_id);
    // Where Anthropic's clients look for it.
    if (shape_ == dialects::Shape::anthropic) add_header("request-id", record_->request_id);
}

net::Task<void> Responder::reject(Error error) && {
    record_->status = dialects::status_of(error);
    record_->code = name(error.code());
    record_->detail = error.detail();
    if (record_->outcome.empty()) record_->outcome = "refused";
    // Nobody is there to read it.
    if (error.code() == Errc::client_left) {
        exchange_->reset();
        co_return;
    }
    const dialects::RetryAdvice advice = dialects::retry_advice(error);
    if (advice.after) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*advice.after);
        add_header("retry-after", std::to_string(seconds.count()));
        add_header("retry-after-ms", std::to_string(advice.after->count()));
    }
    if (advice.retry == dialects::RetryAdvice::Retry::pointless)
        add_header("x-should-retry", "false");
    if (record_->status == 401) add_header("www-authenticate", "Bearer");
    net::Response response;
    response.status = record_->status;
    response.body = dialects::error_body(error, shape_, record_->request_id);
    // Where the next request begins is not certain, or there should be none.
    if (error.code() == Errc::shutting_down || error.code() == Errc::length_required ||
        error.code() == Errc::bad_request)
        exchange_->close_after();
    co_await std::move(*this).send(std::move(response));
}

net::Task<void> Responder::send(net::Response response) && {
    record_->status = response.status;
    add_request_id();
    if (response.headers.empty()) response.headers = std::move(headers_);
    else std::ranges::move(headers_, std::back_inserter(response.headers));
    co_await exchange_->send(response);
}

Responder::Frames Responder::stream() && {
    record_->status = 200;
    net::Response head;
    head.content_type = "text/event-stream; charset=utf-8";
    add_header("cache-control", "no-cache, no-transform");
    add_header("x-accel-buffering", "no");
    add_request_id();
    head.headers = std::move(headers_);
    exchange_->begin_stream(head);
    return Frames(*exchange_);
}

net::Task<bool> Responder::Frames::write(std::string_view frames) {
    if (!frames.empty()) exchange_.add_chunk(frames);
    auto written = co_await exchange_.flush();
    co_return written.has_value();
}

net::Task<void> Responder::Frames::finish() {
    exchange_.end_stream();
    co_await exchange_.flush();
}

net::Task<void> Responder::Frames::finish_broken() {
    exchange_.close_after();
    co_await finish();
}

} // namespace weir::gateway
