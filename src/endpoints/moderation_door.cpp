#include "endpoints/moderation_door.h"

#include "base/text.h"
#include "base/token_text.h"
#include "chat/faults.h"
#include "gateway/serve_chat.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace weir::endpoints {
namespace {

constexpr std::size_t inputs_max = 1024;

struct Asked {
    std::string model = "weir-rules";
    std::vector<std::string> inputs;
};

// The text of one element: a string, or a part such as {"type":"text","text":…}. Pictures are not
// looked at, which a caller must know.
std::string text_of(const json::Value& value, chat::Faults& faults) {
    if (value.is(json::Kind::string)) return std::string(value.text());
    if (!faults.object(value)) return {};
    if (const auto text = value.find("text"))
        if (const auto words = faults.text(*text)) return std::string(*words);
    faults.add(Errc::invalid_value, value.path(),
               fmt::format("Invalid '{}': only text can be looked at.", value.path()));
    return {};
}

Result<Asked> parse(std::string_view body) {
    WEIR_TRY(const json::Document document, json::Document::parse(body));
    const json::Value root = document.root();
    chat::Faults faults;
    Asked out;
    if (!faults.object(root)) return refuse(std::move(faults).error());
    if (const auto model = root.find("model"))
        if (const auto name = faults.text(*model)) out.model = clip(*name, 128);
    const auto input = root.find("input");
    if (!input) {
        faults.add(Errc::missing_required_parameter, "input",
                   "Missing required parameter: 'input'.");
    } else if (input->is(json::Kind::string)) {
        out.inputs.emplace_back(input->text());
    } else if (faults.array(*input, inputs_max)) {
        for (const json::Value one : *input) out.inputs.push_back(text_of(one, faults));
    }
    if (!faults.none()) return refuse(std::move(faults).error());
    return out;
}

void write_result(json::Writer& writer, const filter::RuleSet& rules, const std::string& input,
                  const filter::Scope& scope) {
    std::set<std::string_view> categories;
    for (const filter::Rule& rule : rules.rules()) categories.insert(rule.category);
    std::set<std::string_view> found;
    for (const filter::Hit& hit : rules.find(input, scope)) found.insert(hit.rule->category);
    writer.begin_object().key("flagged").boolean(!found.empty());
    writer.key("categories").begin_object();
    for (const std::string_view one : categories) writer.key(one).boolean(found.contains(one));
    writer.end_object().key("category_scores").begin_object();
    for (const std::string_view one : categories) writer.member(one, found.contains(one) ? 1 : 0);
    writer.end_object().key("category_applied_input_types").begin_object();
    for (const std::string_view one : categories)
        writer.key(one).begin_array().value("text").end_array();
    writer.end_object().end_object();
}

WEIR_OWN_FRAME net::Task<Result<std::string>> judge(Context& context) {
    gateway::Parts& parts = context.parts;
    CO_CHECK(parts.gate.admit_address(context.exchange.client()));
    CO_TRY(const Caller caller, gateway::identify(parts, context.exchange));
    context.record.key = caller.key->public_id;
    context.record.user = caller.key->owner;
    const auto routes = parts.upstream.routes();
    CO_TRY(const std::string body,
           co_await context.exchange.read_body(routes->config().limits.body_bytes));
    CO_TRY(const Asked asked, parse(body));
    limits::Admission admission = parts.gate.admit(caller);
    if (admission.refusal) co_return std::unexpected(*std::move(admission.refusal));
    const auto rules = parts.filter.get();
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("id", "modr-" + random_base62(parts.random, 22));
    writer.member("model", asked.model).key("results").begin_array();
    for (const std::string& input : asked.inputs)
        write_result(writer, *rules, input, {caller.key->team, {}});
    writer.end_array().end_object();
    co_return out;
}

} // namespace

net::Task<void> moderations(Context& context) {
    gateway::Responder responder(context.exchange, context.record, dialects::Shape::openai);
    auto judged = co_await judge(context);
    if (!judged) co_return co_await std::move(responder).reject(std::move(judged).error());
    net::Response response;
    response.body = *std::move(judged);
    co_await std::move(responder).send(std::move(response));
}

} // namespace weir::endpoints
