#include "app/console.h"

#include "access/key_text.h"
#include "app/house.h"
#include "config/environment.h"
#include "dialects/error_shape.h"
#include "net/http/http_client.h"
#include "net/http/unix_call.h"

#include <algorithm>
#include <cstdio>
#include <fmt/core.h>
#include <unistd.h>

namespace weir::app {
namespace {

// An error as the server wrote it, read back.
Error error_of(int status, const std::string& body) {
    const auto document = json::Document::parse(body);
    const auto error = document ? document->root().find("error") : std::nullopt;
    std::string message = body;
    std::string code;
    if (error && error->is(json::Kind::object)) {
        if (const auto text = error->find("message")) message = text->text();
        if (const auto text = error->find("code"); text && text->is(json::Kind::string))
            code = text->text();
    }
    for (int i = 0; i <= static_cast<int>(Errc::internal); ++i)
        if (name(static_cast<Errc>(i)) == code)
            return Error(static_cast<Errc>(i), std::move(message));
    return Error(status == 404 ? Errc::not_found : Errc::internal, std::move(message))
        .with_status(status);
}

template <class T>
net::Task<void> run_into(net::Task<Result<T>> task, std::optional<Result<T>>& out,
                         net::Loop& loop) {
    out = co_await std::move(task);
    loop.stop();
}

// Runs one coroutine to its end on a loop of its own.
template <class T>
Result<T> wait_for(net::Loop& loop, net::Task<Result<T>> task) {
    std::optional<Result<T>> out;
    loop.spawn(run_into(std::move(task), out, loop));
    loop.run();
    return *std::move(out);
}

} // namespace

std::string Console::data_dir() const {
    return find_data_dir(flags_, config::process_environment());
}

Result<endpoints::AdminReply> Console::ask_server(const std::string& method,
                                                  const std::string& target,
                                                  const std::string& body,
                                                  std::function<void(std::string_view)> piece) {
    const net::SystemClock clock;
    net::Loop loop(clock);
    endpoints::AdminReply reply;
    // Pieces are shown as they come; a refusal is kept to be read.
    const auto collect = [&](std::string_view bytes) {
        reply.body += bytes;
        if (piece) piece(bytes);
    };
    net::UnixRequest request{data_dir() + "/control.sock", method, target, body};
    // An answer of a model may take its time.
    if (piece) request.patience = std::chrono::minutes(30);
    WEIR_TRY(reply.status, wait_for(loop, net::unix_call(loop, std::move(request), collect)));
    if (reply.status >= 400) return std::unexpected(error_of(reply.status, reply.body));
    return reply;
}

Result<endpoints::AdminReply> Console::ask(const std::string& method, const std::string& path,
                                           std::map<std::string, std::string> query,
                                           std::string body) {
    std::string target = "/api/v1/admin/" + path;
    char separator = '?';
    for (const auto& [name, value] : query) {
        target += separator + percent_encode(name) + "=" + percent_encode(value);
        separator = '&';
    }
    auto reply = ask_server(method, target, body);
    if (reply || reply.error().code() != Errc::upstream_unavailable) return reply;
    // Without a server the words need no encoding for the way.
    std::string plain = path;
    for (std::size_t at = 0;
         (at = plain.find('%', at)) != std::string::npos && at + 2 < plain.size(); ++at)
        plain.replace(at, 3, 1, static_cast<char>(std::stoi(plain.substr(at + 1, 2), nullptr, 16)));
    return ask_store({method, std::move(plain), std::move(query), std::move(body)});
}

Result<endpoints::AdminReply> Console::ask_store(endpoints::AdminRequest request) {
    auto settings = load_settings(flags_, config::process_environment());
    if (!settings) {
        std::string all;
        for (const std::string& fault : settings.error().faults)
            all += (all.empty() ? "" : "\n") + fault;
        return refuse(Errc::conflict, std::move(all));
    }
    WEIR_TRY(const auto house, House::build(*std::move(settings)));
    net::Loop loop(house->clock);
    net::HttpClient client(loop, nullptr);
    gateway::ThreadParts mine{loop, client};
    return wait_for(loop, endpoints::administer(*house->admin, mine, std::move(request)));
}

int Console::refused(const Error& error) {
    const std::string message =
        error.message().empty() ? dialects::message_of(error) : std::string(error.message());
    fmt::print(stderr, "weir: {}\n", message);
    switch (error.code()) {
    case Errc::invalid_type:
    case Errc::missing_required_parameter:
    case Errc::unknown_parameter:
    case Errc::invalid_value:
    case Errc::integer_above_max_value:
    case Errc::integer_below_min_value: return 2;
    default: return 1;
    }
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) out.push_back(c);
        else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string key_name(const std::string& word) {
    const auto parts = access::parse_key(word);
    return parts ? std::string(parts->public_id) : word;
}

std::string shown(const json::Value& value) {
    switch (value.kind()) {
    case json::Kind::null: return "-";
    case json::Kind::string: return std::string(value.text());
    case json::Kind::array: {
        std::string out;
        for (const json::Value item : value) out += (out.empty() ? "" : ",") + shown(item);
        return out.empty() ? "-" : out;
    }
    default: return std::string(value.raw());
    }
}

void Console::print_list(const std::string& body, const std::vector<std::string>& columns) const {
    const auto document = json::Document::parse(body);
    const auto data = document ? document->root().find("data") : std::nullopt;
    if (!data) return;
    if (format_ == Format::json) {
        fmt::print("{}\n", data->raw());
        return;
    }
    std::vector<std::vector<std::string>> rows{columns};
    for (const json::Value item : *data) {
        std::vector<std::string> row;
        for (const std::string& column : columns) {
            const auto value = item.find(column);
            row.push_back(value ? shown(*value) : "-");
        }
        rows.push_back(std::move(row));
    }
    std::vector<std::size_t> widths(columns.size(), 0);
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
        }
        fmt::print("{}\n", line);
    }
}

} // namespace weir::app
