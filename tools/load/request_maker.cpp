#include "request_maker.h"

#include <fmt/format.h>

#include <algorithm>

namespace load {
namespace {

constexpr std::string_view opening = "Request ";
constexpr std::size_t digits = 12;

std::string fill(std::size_t bytes) {
    constexpr std::string_view words = "please tell me something about rivers and their bridges ";
    std::string text;
    while (text.size() < bytes) text += words;
    text.resize(bytes);
    return text;
}

} // namespace

RequestMaker::RequestMaker(const RequestShape& shape) : variety_(shape.variety) {
    const std::string front =
        fmt::format(R"({{"model":"{}","stream":{}{},"messages":[{{"role":"user","content":")",
                    shape.model, shape.mode == Mode::json ? "false" : "true",
                    shape.include_usage ? R"(,"stream_options":{"include_usage":true})" : "");
    const std::string back = R"("}]})";
    const std::size_t least = front.size() + back.size() + opening.size() + digits + 2;
    const std::size_t bytes = std::max(shape.body_bytes, least);
    prompt_bytes_ = bytes - front.size() - back.size();
    const std::string number(digits, '0');
    const std::string prompt = fmt::format("{}{}: {}", opening, number, fill(bytes - least));
    std::vector<std::string> keys = shape.keys;
    if (keys.empty()) keys.emplace_back();
    for (const std::string& key : keys) {
        const std::string credential =
            key.empty() ? "" : fmt::format("authorization: Bearer {}\r\n", key);
        const std::string head =
            fmt::format("POST {} HTTP/1.1\r\nhost: {}\r\n{}content-type: application/json\r\n"
                        "content-length: {}\r\n\r\n",
                        shape.path, shape.authority, credential, bytes);
        const std::size_t prompt_at = head.size() + front.size();
        forms_.push_back({head + front + prompt + back, prompt_at + opening.size(), prompt_at});
    }
}

std::string_view RequestMaker::make(std::uint64_t number) {
    last_ = number % forms_.size();
    Form& form = forms_[last_];
    if (variety_ == Variety::all_the_same) return form.text;
    for (std::size_t place = digits; place > 0; --place, number /= 10) {
        form.text[form.number_at + place - 1] = static_cast<char>('0' + number % 10);
    }
    return form.text;
}

std::string_view RequestMaker::prompt() const {
    const Form& form = forms_[last_];
    return std::string_view(form.text).substr(form.prompt_at, prompt_bytes_);
}

} // namespace load
