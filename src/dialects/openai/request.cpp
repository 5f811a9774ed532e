#include "dialects/openai/request.h"

#include "json/document.h"
#include "json/writer.h"

namespace weir::dialects {
namespace {

// The client's own stream options with include_usage switched on.
void write_stream_options(json::Writer& writer, std::string_view raw) {
    writer.key("stream_options").begin_object();
    if (const auto options = json::Document::parse(raw)) {
        for (const json::Value member : options->root())
            if (member.key() != "include_usage") writer.key(member.key()).raw(member.raw());
    }
    writer.key("include_usage").boolean(true).end_object();
}

} // namespace

std::size_t openai_request_size(const chat::ChatRequest& request) {
    std::size_t size = 256;
    for (const chat::Member& member : request.members())
        size += member.key.size() + member.raw.size() + 4;
    return size;
}

Result<void> encode_openai_request(const chat::ChatRequest& request, const Terms& terms,
                                   std::string& out, Dropped& dropped) {
    (void)dropped; // what this form has no words for was named when it was read
    json::Writer writer(out);
    const bool streamed = terms.delivery == chat::Delivery::streamed;
    std::string_view stream_options = "{}";
    writer.begin_object().member("model", terms.model);
    for (const chat::Member& member : request.members()) {
        if (member.key == "stream_options") stream_options = member.raw;
        if (member.key == "model" || member.key == "stream" || member.key == "stream_options")
            continue;
        writer.key(member.key).raw(member.raw);
    }
    if (streamed) {
        writer.key("stream").boolean(true);
        if (terms.usage == chat::UsageWish::include) write_stream_options(writer, stream_options);
        else if (stream_options != "{}") writer.key("stream_options").raw(stream_options);
    }
    writer.end_object();
    return {};
}

} // namespace weir::dialects
