#include "net/http/unix_call.h"

#include "base/limits.h"
#include "net/stream.h"
#include "wire/body_decoder.h"
#include "wire/head_collector.h"
#include "wire/head_writer.h"
#include "wire/response_head.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

namespace weir::net {
namespace {

std::string to_bytes(const UnixRequest& request) {
    std::string out;
    auto head = wire::HeadWriter::request(out, request.method, request.target, "localhost");
    if (!request.body.empty() || request.method != "GET")
        head.field("content-type", "application/json").field("content-length", request.body.size());
    head.field("connection", "close").end();
    return out + request.body;
}

} // namespace

Task<Result<int>> unix_call(Loop& loop, UnixRequest request,
                            std::function<void(std::string_view)> piece) {
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // Longer paths cannot be sockets: nobody listens there.
    if (request.socket.size() >= sizeof address.sun_path)
        co_return refuse(Errc::upstream_unavailable);
    std::memcpy(address.sun_path, request.socket.data(), request.socket.size());
    // On one machine: it connects at once or not at all.
    const auto* const where = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(socket.descriptor(), where, sizeof address) != 0)
        co_return refuse(Error(Errc::upstream_unavailable).because(std::strerror(errno)));
    Stream stream(loop, std::move(socket));
    const auto broken = [](std::string_view why) {
        return refuse(Errc::upstream_error, "The server broke off: " + std::string(why));
    };
    const std::string bytes = to_bytes(request);
    auto written = co_await stream.write(bytes, limits::write_stall_time);
    if (!written) co_return broken(name(written.error()));
    wire::HeadCollector collector;
    std::optional<wire::BodyDecoder> body;
    int status = 0;
    while (true) {
        auto read = co_await stream.read(request.patience);
        if (!read && read.error() == IoEnd::closed && body && body->complete_at_end_of_input())
            break;
        if (!read) co_return broken(name(read.error()));
        std::string_view rest = *read;
        if (!body) {
            const auto step = collector.feed(rest);
            if (!step) co_return broken(step.error().reason);
            rest.remove_prefix(step->used);
            if (!step->whole) continue;
            const auto head = wire::ResponseHead::parse(collector.take());
            if (!head) co_return broken(head.error().reason);
            status = head->status();
            body.emplace(head->framing());
        }
        while (!rest.empty() && !body->done()) {
            const auto step = body->feed(rest);
            if (!step) co_return broken(step.error().reason);
            if (!step->piece.empty()) piece(step->piece);
            rest.remove_prefix(step->used);
        }
        if (body->done()) break;
    }
    co_return status;
}

} // namespace weir::net
