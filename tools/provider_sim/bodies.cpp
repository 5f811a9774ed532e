#include "bodies.h"

#include <fmt/format.h>

#include <iterator>

#include "json_text.h"

namespace sim {
namespace {

struct Fault {
    std::uint32_t status;
    std::string_view phrase;
    std::string_view type;
    std::string_view code;
    std::string_view message;
};

constexpr Fault faults[] = {
    {400, "Bad Request", "invalid_request_error", "", "The request is not valid."},
    {401, "Unauthorized", "invalid_request_error", "invalid_api_key",
     "Incorrect API key provided."},
    {402, "Payment Required", "invalid_request_error", "billing_not_active",
     "Your account is not active."},
    {403, "Forbidden", "permission_error", "access_denied", "This key may not do that."},
    {404, "Not Found", "invalid_request_error", "model_not_found", "The model does not exist."},
    {408, "Request Timeout", "timeout", "", "The request took too long."},
    {409, "Conflict", "invalid_request_error", "conflict", "The resource is in use."},
    {413, "Payload Too Large", "invalid_request_error", "", "The request is too large."},
    {422, "Unprocessable Content", "invalid_request_error", "", "The request makes no sense."},
    {429, "Too Many Requests", "requests", "rate_limit_exceeded",
     "Rate limit reached. Please try again later."},
    {500, "Internal Server Error", "server_error", "",
     "The server had an error while processing your request."},
    {502, "Bad Gateway", "server_error", "", "Bad gateway."},
    {503, "Service Unavailable", "server_error", "", "The engine is currently overloaded."},
    {504, "Gateway Timeout", "server_error", "", "The engine took too long."},
    {529, "Overloaded", "overloaded_error", "", "Overloaded."},
};

const Fault& fault_of(std::uint32_t status) {
    for (const Fault& fault : faults) {
        if (fault.status == status) return fault;
    }
    return status < 500 ? faults[0] : faults[10];
}

std::string quoted_or_null(std::string_view text) {
    std::string out;
    if (text.empty()) return "null";
    append_json_string(out, text);
    return out;
}

// All text goes into the arguments of the calls, which makes it JSON inside a JSON string.
void append_tool_calls(std::string& out, const Script& script, Title title, TextSource& text,
                       Counts& counts) {
    out += R"("content":null,"tool_calls":[)";
    for (Count call = 0; call < script.tools && !text.done(); ++call) {
        fmt::format_to(std::back_inserter(out),
                       R"({}{{"id":"call_{}_{}","type":"function","function":{{"name":"simulate",)"
                       R"("arguments":"{{\"text\":\")",
                       call == 0 ? "" : ",", title.id, call);
        while (!text.done() &&
               std::uint64_t(text.written()) * script.tools / script.chunks == call) {
            counts.output += text.append_next(out, 0);
        }
        out += R"(\"}"}})";
    }
    out += ']';
}

void append_text(std::string& out, TextSource& text, Counts& counts) {
    out += R"("content":")";
    while (!text.done()) counts.output += text.append_next(out, 0);
    out += '"';
}

} // namespace

std::string_view reason_phrase(std::uint32_t status) {
    if (status == 200) return "OK";
    if (status == 307) return "Temporary Redirect";
    const Fault& fault = fault_of(status);
    return fault.status == status ? fault.phrase : "Status";
}

void append_usage(std::string& out, const Script& script, Counts counts) {
    const std::uint64_t input = script.usage_in ? *script.usage_in : counts.input;
    const std::uint64_t output = script.usage_out ? *script.usage_out : counts.output;
    fmt::format_to(std::back_inserter(out),
                   R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{},)"
                   R"("prompt_tokens_details":{{"cached_tokens":{}}},)"
                   R"("completion_tokens_details":{{"reasoning_tokens":{}}}}})",
                   input, output, input + output, script.cached, counts.reasoning);
}

std::string error_json(ErrorText error) {
    const Fault& fault = fault_of(error.status);
    std::string out = R"({"error":{"message":)";
    append_json_string(out, error.message.empty() ? fault.message : error.message);
    out += R"(,"type":)";
    out += quoted_or_null(error.type.empty() ? fault.type : error.type);
    out += R"(,"param":null,"code":)";
    out += quoted_or_null(error.code.empty() ? fault.code : error.code);
    return out + "}}";
}

std::string_view finish_reason(const Script& script, const TextSource& text) {
    if (!script.finish.empty()) return script.finish;
    if (text.cut_short()) return "length";
    return script.tools > 0 ? "tool_calls" : "stop";
}

std::string completion_json(const Script& script, Title title, TextSource& text, Counts& counts) {
    std::string out =
        fmt::format(R"({{"id":"chatcmpl-sim-{}","object":"chat.completion","created":{},"model":)",
                    title.id, title.created);
    append_json_string(out, title.model);
    if (script.extra) out += R"(,"x_vendor":{"region":"nowhere","n":[1,2,3]})";
    out += R"(,"choices":[{"index":0,"message":{"role":"assistant",)";
    if (script.reasoning > 0) {
        Script thinking;
        thinking.chunks = script.reasoning;
        thinking.size = script.size;
        TextSource thoughts(thinking, Prompt());
        out += R"("reasoning_content":")";
        while (!thoughts.done()) counts.reasoning += thoughts.append_next(out, 0);
        counts.output += counts.reasoning;
        out += R"(",)";
    }
    if (script.tools > 0) {
        append_tool_calls(out, script, title, text, counts);
    } else {
        append_text(out, text, counts);
    }
    out += R"(,"refusal":null},"logprobs":null,"finish_reason":)";
    out += script.nofinish ? "null" : quoted_or_null(finish_reason(script, text));
    out += "}]";
    if (!script.nousage) {
        out += R"(,"usage":)";
        append_usage(out, script, counts);
    }
    return out + "}";
}

} // namespace sim
