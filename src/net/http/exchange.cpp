#include "net/http/exchange.h"

#include "base/limits.h"
#include "wire/head_writer.h"

#include <memory>

namespace weir::net {
namespace {

std::unexpected<Error> body_fault(IoEnd end) {
    if (end == IoEnd::timeout) {
        return std::unexpected(
            Error(Errc::bad_request, "The body came too slowly.").with_status(408));
    }
    return refuse(Error(Errc::client_left).because(std::string("body: ") + std::string(name(end))));
}

} // namespace

Exchange::Exchange(Stream& stream, std::unique_ptr<const wire::RequestHead> head, const Peer& peer,
                   std::string& pending)
    : stream_(stream),
      head_(std::move(head)),
      peer_(peer),
      client_(peer.address),
      pending_(pending),
      body_(head_->framing()),
      bodiless_(head_->method() == "HEAD"),
      close_(!head_->keep_alive()) {}

Task<IoResult<std::string_view>> Exchange::next_body_bytes(std::chrono::milliseconds timeout) {
    if (!pending_.empty()) co_return std::string_view(pending_);
    co_return co_await stream_.read(timeout);
}

Task<Result<std::string>> Exchange::read_body(std::size_t bytes_max) {
    const wire::Framing& framing = head_->framing();
    if (framing.kind == wire::Framing::Kind::length && framing.length > bytes_max) {
        close_ = true;
        co_return refuse(Errc::request_too_large, "The body is larger than this server takes.");
    }
    if (head_->expects_continue() && pending_.empty() && !body_.done()) {
        auto invited = co_await stream_.write(wire::continue_head, limits::write_stall_time);
        if (!invited) co_return body_fault(invited.error());
    }
    std::string body;
    // What is claimed is not yet there: a large length reserves nothing.
    body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(framing.length, 64 * 1024)));
    // A small body that came with its head, and nothing after it, needs no copy.
    if (framing.kind == wire::Framing::Kind::length && !pending_.empty() &&
        pending_.size() == framing.length && body_.feed(pending_) && body_.done())
        co_return std::exchange(pending_, {});
    const SteadyTime started = loop().clock().steady();
    while (!body_.done()) {
        // At least body_rate on average, after a grace.
        const auto due = started + std::min<std::chrono::seconds>(
                                       limits::body_grace +
                                           std::chrono::seconds(body.size() / limits::body_rate),
                                       limits::body_time);
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(due - loop().clock().steady());
        if (left.count() <= 0) {
            close_ = true;
            co_return body_fault(IoEnd::timeout);
        }
        auto bytes =
            co_await next_body_bytes(std::min<std::chrono::milliseconds>(left, limits::body_stall));
        if (!bytes) {
            close_ = true;
            co_return body_fault(bytes.error());
        }
        const bool from_pending = !pending_.empty();
        std::string_view rest = *bytes;
        while (!rest.empty() && !body_.done()) {
            auto step = body_.feed(rest);
            if (!step) {
                close_ = true;
                co_return std::unexpected(
                    Error(Errc::bad_request, step.error().reason).with_status(step.error().status));
            }
            // A chunk that announces too much is refused before it comes.
            if (body_.announced() > bytes_max) {
                close_ = true;
                co_return refuse(Errc::request_too_large,
                                 "The body is larger than this server takes.");
            }
            body += step->piece;
            rest.remove_prefix(step->used);
        }
        if (from_pending) pending_.erase(0, pending_.size() - rest.size());
        else pending_.assign(rest);
    }
    // What was read ahead is used up: an idle stream does not carry its request along.
    if (pending_.empty()) std::string().swap(pending_);
    co_return body;
}

const wire::RequestHead& Exchange::head() const {
    static const wire::RequestHead none;
    return head_ ? *head_ : none;
}

void Exchange::write_head(const Response& response) {
    if (!body_.done()) close_ = true;
    auto head = wire::HeadWriter::response(out_, response.status);
    if (!response.content_type.empty() && response.status != 204)
        head.field("content-type", response.content_type);
    for (const auto& [name, value] : response.headers) head.field(name, value);
    if (state_ == State::streaming) {
        if (chunked_) head.field("transfer-encoding", "chunked");
        else close_ = true; // HTTP/1.0 knows an end only by the close
    } else if (response.status != 204) {
        head.field("content-length", response.body.size());
    }
    if (close_) head.field("connection", "close");
    else if (head_->minor() == 0) head.field("connection", "keep-alive");
    head.end();
}

Task<IoResult<void>> Exchange::send(const Response& response) {
    state_ = State::complete;
    out_.reserve(response.body.size() + 512);
    write_head(response);
    if (!bodiless_) out_ += response.body;
    co_return co_await flush();
}

void Exchange::begin_stream(const Response& response) {
    state_ = State::streaming;
    chunked_ = head_->minor() == 1;
    write_head(response);
    head_.reset();
}

void Exchange::add_chunk(std::string_view data) {
    if (bodiless_) return;
    if (chunked_) wire::append_chunk(out_, data);
    else out_ += data;
}

void Exchange::end_stream() {
    if (chunked_ && !bodiless_) out_ += wire::last_chunk;
    state_ = State::complete;
}

Task<IoResult<void>> Exchange::flush() {
    auto written = co_await stream_.write(out_, limits::write_stall_time);
    // An idle connection keeps no buffer.
    std::string().swap(out_);
    if (!written) {
        close_ = true;
        stream_.reset();
    }
    co_return written;
}

bool Exchange::client_left() {
    while (true) {
        const Stream::Peek seen = stream_.peek();
        if (seen == Stream::Peek::gone) return true;
        if (seen == Stream::Peek::quiet) return false;
        if (pending_.size() >= limits::pipelined_bytes) {
            stream_.unwatch();
            return false;
        }
        const auto bytes = stream_.read_now();
        if (!bytes) return true;
        pending_ += *bytes;
    }
}

} // namespace weir::net
