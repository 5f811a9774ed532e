// allow(orphan): the /api/v1/chat half of dialects/answer_encoder.h.

#include "dialects/answer_encoder.h"
#include "dialects/error_shape.h"
#include "dialects/usage_json.h"
#include "json/writer.h"
#include "wire/sse_encoder.h"

namespace weir::dialects {
namespace {

class PlainStream final : public StreamEncoder {
public:
    void event(const chat::ChatEvent& event, std::string& frames) override {
        if (const auto* const text = std::get_if<chat::TextDelta>(&event)) {
            frames += "data: {\"content\":";
            json::append_quoted(frames, text->text);
            frames += "}\n\n";
        } else if (const auto* const refusal = std::get_if<chat::RefusalDelta>(&event)) {
            frames += "data: {\"content\":";
            json::append_quoted(frames, refusal->text);
            frames += "}\n\n";
        } else if (const auto* const finish = std::get_if<chat::ChoiceFinished>(&event)) {
            reason_ = finish->reason;
        }
    }

    void close(const Closing& closing, std::string& frames) override {
        std::string data;
        json::Writer writer(data);
        writer.begin_object().member("finish_reason", reason_).key("usage");
        write_usage(writer, closing);
        writer.key("x_weir");
        write_x_weir(writer, closing);
        writer.end_object();
        wire::append_event(frames, "", data);
        wire::append_event(frames, "", "[DONE]");
    }

    void fail(const Error& error, std::string& frames) override {
        wire::append_event(frames, "", error_body(error, Shape::openai, ""));
    }

private:
    std::string reason_;
};

class PlainWhole final : public WholeEncoder {
public:
    explicit PlainWhole(std::string id) : id_(std::move(id)) {}

    void event(const chat::ChatEvent& event) override {
        if (const auto* const text = std::get_if<chat::TextDelta>(&event)) text_ += text->text;
        else if (const auto* const refusal = std::get_if<chat::RefusalDelta>(&event))
            text_ += refusal->text;
        else if (const auto* const finish = std::get_if<chat::ChoiceFinished>(&event))
            reason_ = finish->reason;
    }

    std::string close(const Closing& closing,
                      const std::function<std::string()>& quota_json) override {
        std::string out;
        json::Writer writer(out);
        writer.begin_object()
            .member("id", id_)
            .member("model", closing.model)
            .member("content", text_);
        writer.member("finish_reason", reason_).key("usage");
        write_usage(writer, closing);
        writer.key("quota").raw(quota_json()).end_object();
        return out;
    }

private:
    std::string id_;
    std::string text_;
    std::string reason_;
};

} // namespace

std::unique_ptr<StreamEncoder> plain_stream_encoder() { return std::make_unique<PlainStream>(); }

std::unique_ptr<WholeEncoder> plain_whole_encoder(std::string id) {
    return std::make_unique<PlainWhole>(std::move(id));
}

} // namespace weir::dialects
