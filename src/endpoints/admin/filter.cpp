#include "endpoints/admin/filter.h"

#include "endpoints/admin/fields.h"
#include "json/writer.h"

namespace weir::endpoints {
namespace {

void write_names(json::Writer& writer, std::string_view key,
                 const std::vector<std::string>& names) {
    writer.key(key).begin_array();
    for (const std::string& name : names) writer.value(name);
    writer.end_array();
}

} // namespace

AdminTask list_filter_rules(AdminCall call) {
    const auto rules = call.world.parts.filter.get();
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().key("data").begin_array();
    for (const filter::Rule& rule : rules->rules()) {
        writer.begin_object().member("id", rule.id).member("category", rule.category);
        writer.member("action", name(rule.action)).member("pattern", rule.pattern);
        write_names(writer, "teams", rule.teams);
        write_names(writer, "models", rule.models);
        writer.end_object();
    }
    writer.end_array().key("next").null().end_object();
    co_return reply;
}

AdminTask test_filter(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    const std::string text = fields.required("text");
    const std::string team = fields.text("team").value_or("");
    const std::string model = fields.text("model").value_or("");
    CO_CHECK(fields.finish());
    const auto rules = call.world.parts.filter.get();
    const std::vector<filter::Hit> hits = rules->find(text, {team, model});
    AdminReply reply;
    json::Writer writer(reply.body);
    auto verdict = filter::Action::off;
    writer.begin_object().key("matches").begin_array();
    for (const filter::Hit& hit : hits) {
        verdict = std::max(verdict, hit.rule->action);
        writer.begin_object().member("rule", hit.rule->id).member("category", hit.rule->category);
        writer.member("action", name(hit.rule->action));
        writer.member("begin", static_cast<std::int64_t>(hit.span.begin));
        writer.member("end", static_cast<std::int64_t>(hit.span.end)).end_object();
    }
    writer.end_array();
    writer.member("verdict", verdict == filter::Action::off ? "pass" : name(verdict));
    writer.member("text", filter::redacted(text, hits).value_or(text)).end_object();
    co_return reply;
}

} // namespace weir::endpoints
