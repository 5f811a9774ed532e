#pragma once
// How a dialect of providers is spoken: where a question goes, how it is put, and how its answer is
// read. Everything is pure; a codec has no state but that of the decoders it makes.
// What cannot be said in a dialect is dropped and named, or refused where dropping it would change
// what was asked.

#include "base/error.h"
#include "chat/chat_event.h"
#include "chat/chat_request.h"
#include "dialects/stream_decoder.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::dialects {

struct Terms {
    std::string model; // the provider's name of it
    chat::Delivery delivery = chat::Delivery::streamed;
    chat::UsageWish usage = chat::UsageWish::include; // asked for in a stream
    std::string_view api_version = {};                // of a dialect that has one in its path
    std::int64_t max_output_tokens = 0; // for a dialect that must name a bound where none was given
};

// The fields of a request that its provider was not told, by name.
using Dropped = std::vector<std::string>;

struct ProviderCodec {
    // Of the request, below the base URL's path, with its query.
    std::string (*path)(const Terms& terms);
    // How a credential is shown: the header, and what stands before it there.
    std::string_view credential_header;
    std::string_view credential_prefix;
    // One more header that every request has; empty where there is none.
    std::string_view version_header;
    std::string_view version;
    // Appends the body. Errors: invalid_value, at the field, for what the dialect cannot say and
    // the answer would be another without.
    Result<void> (*encode)(const chat::ChatRequest& request, const Terms& terms, std::string& out,
                           Dropped& dropped);
    std::string_view stream_type; // what the Content-Type of a streamed answer begins with
    // An event larger than that is not taken.
    std::unique_ptr<StreamDecoder> (*stream)(std::size_t event_bytes_max);
    // Errors: as StreamDecoder::feed(); stream_truncated where no choice has finished.
    Result<std::vector<chat::ChatEvent>> (*whole)(std::string_view body);
    // Where the provider lists its models, below the base URL's path, and how that list is read.
    std::string_view models_path;
    std::vector<std::string> (*models)(std::string_view body);
};

const ProviderCodec& openai_codec();
const ProviderCodec& azure_codec(); // the path of a deployment, and another credential header
const ProviderCodec& anthropic_codec();
const ProviderCodec& gemini_codec();
const ProviderCodec& ollama_codec();

} // namespace weir::dialects
