// allow(orphan): the chat command of app/commands/commands.h.

#include "app/commands/commands.h"
#include "json/writer.h"
#include "wire/sse_decoder.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/core.h>
#include <iostream>
#include <iterator>
#include <memory>
#include <unistd.h>

namespace weir::app {
namespace {

constexpr std::size_t event_bytes = 4 * 1024 * 1024;

// Prints an answer's text as it comes.
class Speaker {
public:
    void hear(std::string_view bytes) {
        wire::SseEvent event;
        while (decoder_.next(bytes, event)) {
            if (event.data == "[DONE]") {
                done_ = true;
                continue;
            }
            const auto document = json::Document::parse(event.data);
            if (!document) continue;
            if (const auto content = document->root().find("content")) {
                fmt::print("{}", content->text());
                std::fflush(stdout);
                spoke_ = true;
            }
            if (const auto error = document->root().find("error"))
                if (const auto message = error->find("message")) failure_ = message->text();
        }
    }
    int finish() const {
        if (spoke_) fmt::print("\n");
        if (done_) return 0;
        fmt::print(stderr, "weir: the answer broke off: {}\n",
                   failure_.empty() ? "the server closed the stream" : failure_);
        return 1;
    }

private:
    wire::SseDecoder decoder_{event_bytes};
    bool done_ = false;
    bool spoke_ = false;
    std::string failure_;
};

int chat(Console console, const std::string& model, std::string prompt) {
    if (prompt.empty()) {
        if (::isatty(STDIN_FILENO) != 0) {
            fmt::print(stderr, "weir: say something: weir chat \"your question\", or pipe it in\n");
            return 2;
        }
        prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
    }
    std::string body;
    json::Writer writer(body);
    writer.begin_object()
        .member("prompt", prompt)
        .member("model", model)
        .key("stream")
        .boolean(true)
        .end_object();
    Speaker speaker;
    const auto reply = console.ask_server("POST", "/api/v1/chat", body,
                                          [&](std::string_view piece) { speaker.hear(piece); });
    if (reply) return speaker.finish();
    if (reply.error().code() != Errc::upstream_unavailable) return Console::refused(reply.error());
    if (!reply.error().message().empty()) return Console::refused(reply.error());
    fmt::print(stderr, "weir: no server is running in {}; start it with: weir serve\n",
               console.data_dir());
    return 3;
}

} // namespace

void add_chat_command(CLI::App& app, Common& common) {
    struct Words {
        std::string model = "fast";
        std::vector<std::string> prompt;
    };
    const auto words = std::make_shared<Words>();
    auto* const command = app.add_subcommand("chat", "stream an answer to the terminal");
    command->add_option("--model", words->model, "a model's name");
    command->add_option("PROMPT", words->prompt, "the question; read from stdin when absent");
    command->callback([&common, words] {
        std::string prompt;
        for (const std::string& word : words->prompt) prompt += (prompt.empty() ? "" : " ") + word;
        common.exit_code = chat(common.console(), words->model, std::move(prompt));
    });
}

} // namespace weir::app
