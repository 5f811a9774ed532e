#include "endpoints/admin/money.h"

#include "base/text.h"
#include "endpoints/admin/fields.h"
#include "gateway/quota_view.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::endpoints {
namespace {

std::string value_of(const AdminRequest& request, const std::string& name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
}

std::string budgets_of(AdminWorld& world, const quota::Subject& subject) {
    std::string out;
    const std::string name = subject_name(world.parts.access, subject);
    for (const quota::Ledger::View& view : world.parts.ledger.views(subject)) {
        if (!view.account.limit) continue;
        if (!out.empty()) out.push_back(',');
        gateway::write_budget(out, view, name, gateway::Detail::explained);
    }
    return out;
}

} // namespace

std::string subject_name(const access::Access& access, const quota::Subject& subject) {
    switch (subject.scope) {
    case quota::Scope::key: return access.public_id_of(KeyId(subject.id));
    case quota::Scope::user: return access.email_of(UserId(subject.id));
    case quota::Scope::team:
        for (const access::Team& team : access.teams())
            if (team.id.value() == subject.id) return team.name;
        return {};
    case quota::Scope::everyone: return {};
    }
    return {};
}

Result<quota::Subject> find_subject(const access::Access& access, std::string_view scope,
                                    std::string_view name) {
    if (scope == "everyone") return quota::Subject{quota::Scope::everyone, 0};
    if (scope == "key") {
        WEIR_TRY(const access::Key key, access.find_key(name));
        return quota::Subject{quota::Scope::key, key.id.value()};
    }
    if (scope == "user") {
        const auto user = access.find_user(name);
        if (user) return quota::Subject{quota::Scope::user, user->id.value()};
        return refuse(Errc::not_found,
                      fmt::format("There is no user '{}'; see: weir user list", clip(name, 64)));
    }
    if (scope == "team") {
        const auto team = access.find_team(name);
        if (team) return quota::Subject{quota::Scope::team, team->id.value()};
        return refuse(Errc::not_found,
                      fmt::format("There is no team '{}'; see: weir team list", clip(name, 64)));
    }
    return std::unexpected(
        Error(Errc::invalid_value, "A scope is one of key, user, team and everyone.").at("scope"));
}

Result<quota::Subject> find_subject(const access::UserStore::Everyone& everyone,
                                    std::string_view scope, std::string_view name) {
    if (scope == "everyone") return quota::Subject{quota::Scope::everyone, 0};
    if (scope == "user") {
        for (const access::User& user : everyone.users)
            if (equal_ignoring_case(user.email, name))
                return quota::Subject{quota::Scope::user, user.id.value()};
    } else if (scope == "team") {
        for (const access::Team& team : everyone.teams)
            if (team.name == name) return quota::Subject{quota::Scope::team, team.id.value()};
    } else {
        const auto parts = access::parse_key(name);
        for (const access::Key& key : everyone.keys)
            if (key.public_id == (parts ? parts->public_id : name) || key.name == name)
                return quota::Subject{quota::Scope::key, key.id.value()};
    }
    return refuse(Errc::not_found, fmt::format("There is no {} '{}'.", scope, clip(name, 64)));
}

AdminTask show_quota(AdminCall call) {
    const std::string scope = value_of(call.request, "scope");
    std::string budgets;
    std::vector<quota::Subject> subjects;
    access::Access& access = call.world.parts.access;
    if (!scope.empty()) {
        CO_TRY(const quota::Subject subject,
               find_subject(access, scope, value_of(call.request, "subject")));
        subjects.push_back(subject);
    } else {
        subjects.push_back({quota::Scope::everyone, 0});
        for (const access::Team& team : access.teams())
            subjects.push_back({quota::Scope::team, team.id.value()});
        for (const access::User& user : access.users())
            subjects.push_back({quota::Scope::user, user.id.value()});
        for (const access::Key& key : access.keys())
            subjects.push_back({quota::Scope::key, key.id.value()});
    }
    for (const quota::Subject& subject : subjects) {
        const std::string more = budgets_of(call.world, subject);
        if (!budgets.empty() && !more.empty()) budgets.push_back(',');
        budgets += more;
    }
    co_return AdminReply{200, R"({"data":[)" + budgets + R"(],"next":null})"};
}

AdminTask set_quota(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    const std::string scope = fields.required("scope");
    const std::string name = fields.text("subject").value_or("");
    const auto zone_text = fields.text("timezone");
    const bool budget = !zone_text || fields.text("unit");
    const std::string unit_text = budget ? fields.required("unit") : "requests";
    const auto limit = fields.integer("limit");
    const std::string period_text = fields.text("per").value_or("day");
    const auto unit = config::parse_unit(unit_text);
    const auto period = config::parse_period(period_text);
    if (!unit) fields.wrong("unit", "A unit is one of requests, tokens and usd.");
    if (!period) fields.wrong("per", "A period is one of day, week, month and total.");
    if (budget && !limit && !fields.is_null("limit"))
        fields.wrong(
            "limit",
            "A limit is a whole number (nanodollars for usd), or null to remove the budget.");
    const auto* const zone = zone_text ? config::TimeZone::find(*zone_text) : nullptr;
    if (zone_text && zone == nullptr)
        fields.wrong("timezone", "A time zone is a name such as Europe/Berlin, or UTC.");
    CO_CHECK(fields.finish());
    CO_TRY(const quota::Subject subject, find_subject(call.world.parts.access, scope, name));

    const auto routes = call.world.parts.upstream.routes();
    const auto named = [&](const config::Budget& b) {
        return b.unit == *unit && b.period == *period;
    };
    if (budget && subject.scope == quota::Scope::everyone &&
        std::ranges::any_of(routes->config().quota.everyone, named))
        co_return refuse(Errc::set_by_file,
                         "quota.everyone in the configuration file sets this budget; change it "
                         "there and reload.");
    quota::Ledger& ledger = call.world.parts.ledger;
    std::int64_t lsn = 0;
    if (budget) lsn = ledger.set_budget(subject, *unit, *period, limit);
    if (zone != nullptr) {
        CO_TRY(lsn, ledger.set_zone(subject, *zone));
    }
    CO_CHECK(co_await ledger.when_durable(lsn, call.mine.loop));
    co_return AdminReply{200,
                         R"({"data":[)" + budgets_of(call.world, subject) + R"(],"next":null})"};
}

std::string totals_json(const quota::Books::Totals& totals) {
    std::string out;
    json::Writer writer(out);
    writer.begin_object().member("requests", totals.requests).member("tokens_in", totals.tokens_in);
    writer.member("tokens_out", totals.tokens_out).member("nanousd", totals.nanousd);
    writer.member("holds_open", totals.holds_open).member("overages", totals.overages).end_object();
    return out;
}

AdminTask show_ledger(AdminCall call) {
    std::string scope = value_of(call.request, "scope");
    if (scope.empty()) scope = "everyone";
    CO_TRY(const quota::Subject subject,
           find_subject(call.world.parts.access, scope, value_of(call.request, "subject")));
    // What is shown is on disk too: whoever reads the store next finds it there.
    quota::Ledger& ledger = call.world.parts.ledger;
    CO_CHECK(co_await ledger.when_durable(ledger.newest(), call.mine.loop));
    co_return AdminReply{200, totals_json(ledger.totals(subject))};
}

} // namespace weir::endpoints
