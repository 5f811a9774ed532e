#include "observe/request_log.h"

#include "base/text.h"
#include "json/writer.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace weir::observe {
namespace {

constexpr std::size_t buffer_bytes = 64 * 1024;

// Lines are complete JSON already; the sink only gathers them.
class GatheringSink final : public spdlog::sinks::base_sink<std::mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        buffer_.append(message.payload.data(), message.payload.size());
        buffer_.push_back('\n');
        if (buffer_.size() >= buffer_bytes || message.level >= spdlog::level::warn) flush_();
    }
    void flush_() override {
        std::string_view rest = buffer_;
        while (!rest.empty()) {
            const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
            // Nobody reads stderr any more: the server goes on without its log.
            if (n <= 0) break;
            rest.remove_prefix(static_cast<std::size_t>(n));
        }
        buffer_.clear();
    }

private:
    std::string buffer_;
};

double milliseconds(std::chrono::nanoseconds time) {
    return static_cast<double>(time.count() / 1000) / 1000;
}

void optional(json::Writer& writer, std::string_view name, std::string_view text) {
    if (!text.empty()) writer.member(name, text);
}

} // namespace

struct RequestLog::State {
    const Clock& clock;
    spdlog::logger logger;
};

RequestLog::RequestLog(const Clock& clock, const std::string& level)
    : state_(std::make_unique<State>(clock,
                                     spdlog::logger("weir", std::make_shared<GatheringSink>()))) {
    set_level(level);
}

RequestLog::~RequestLog() { flush(); }

void RequestLog::set_level(const std::string& level) {
    state_->logger.set_level(level == "error"   ? spdlog::level::err
                             : level == "warn"  ? spdlog::level::warn
                             : level == "debug" ? spdlog::level::debug
                                                : spdlog::level::info);
}

void RequestLog::flush() { state_->logger.flush(); }

void RequestLog::publish(const record::Record& record) {
    if (!state_->logger.should_log(spdlog::level::info)) return;
    std::string line;
    line.reserve(512);
    json::Writer writer(line);
    writer.begin_object().member("at", format_time(record.at)).member("level", "info");
    writer.member("event", "request").member("request_id", record.request_id);
    writer.member("method", record.method)
        .member("path", record.path)
        .member("status", record.status);
    optional(writer, "peer", record.peer);
    optional(writer, "key", record.key);
    optional(writer, "user", record.user);
    optional(writer, "model", record.model);
    optional(writer, "provider", record.provider);
    optional(writer, "upstream_model", record.upstream_model);
    optional(writer, "outcome", record.outcome);
    optional(writer, "code", record.code);
    optional(writer, "detail", record.detail);
    if (!record.model.empty()) {
        writer.key("streamed").boolean(record.streamed);
        writer.member("tokens_in", record.tokens_in).member("tokens_out", record.tokens_out);
        writer.member("nanousd", record.nanousd).key("estimated").boolean(record.estimated);
    }
    if (record.first_event.count() > 0)
        writer.member("first_event_ms", milliseconds(record.first_event));
    writer.member("total_ms", milliseconds(record.total)).end_object();
    state_->logger.info(spdlog::string_view_t(line.data(), line.size()));
}

void RequestLog::publish(const record::Event& event) {
    std::string line;
    json::Writer writer(line);
    writer.begin_object().member("at", format_time(state_->clock.wall())).member("level", "warn");
    writer.member("event", event.kind).member("detail", event.detail).end_object();
    state_->logger.warn(spdlog::string_view_t(line.data(), line.size()));
}

} // namespace weir::observe
