// Whatever a client asks in a dialect of its own: refused with a code, or a request that every
// provider can be asked, in valid JSON, or is refused before it is asked.

#include "dialects/anthropic/request_in.h"
#include "dialects/provider_codec.h"
#include "dialects/responses/request_in.h"

#include <array>
#include <cstdint>
#include <cstdlib>

namespace {

using namespace weir;

// A translation may be deeper than what it translates, and have more members.
constexpr json::Limits generous{.depth = 200, .values = 10'000'000, .keys_per_object = 100'000};

void require(bool condition) {
    if (!condition) std::abort();
}

void require_json(std::string_view text) {
    require(json::Document::parse(text, generous).has_value());
}

void check(const Result<chat::ChatRequest>& request) {
    if (!request) {
        require(!name(request.error().code()).empty() && !request.error().message().empty());
        return;
    }
    require(!request->model().empty() && !request->messages().empty());
    require(request->input_tokens_bound() > 0 && request->canonical().ends_with('}'));
    if (const chat::Original* const original = request->original()) {
        if (!original->echo.empty()) require_json(original->echo);
    }
    for (const auto* const codec :
         {&dialects::openai_codec(), &dialects::azure_codec(), &dialects::anthropic_codec(),
          &dialects::gemini_codec(), &dialects::ollama_codec()}) {
        for (const auto delivery : {chat::Delivery::whole, chat::Delivery::streamed}) {
            for (const std::string_view model : {"gemini-2.5-pro", "claude-opus-4-7"}) {
                const dialects::Terms terms{.model = std::string(model),
                                            .delivery = delivery,
                                            .api_version = "1",
                                            .max_output_tokens = 4096};
                std::string body;
                dialects::Dropped dropped;
                const auto encoded = codec->encode(*request, terms, body, dropped);
                if (encoded) require_json(body);
                else require(!encoded.error().param().empty());
            }
        }
    }
}

// What is there for every name: a talk of one message.
class Everything final : public dialects::EarlierItems {
public:
    const std::string& talk() const override { return item_; }
    std::string item(std::string_view id) const override { return id.empty() ? "" : item_; }

private:
    std::string item_ = R"({"role":"user","content":"before"})";
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    check(chat::parse(body));
    check(dialects::parse_messages(body));
    check(dialects::parse_messages_to_count(body));
    check(dialects::parse_responses(body));
    if (!json::Document::parse(body)) return 0;
    (void)dialects::needs_of(body);
    (void)dialects::wishes_of(body);
    require_json("[" + dialects::input_items(body) + "]");
    const std::string with_talk = dialects::with_earlier(body, Everything());
    require_json(with_talk);
    check(dialects::parse_responses(with_talk));
    return 0;
}
