#include "gateway/quota_view.h"

#include "base/text.h"
#include "json/writer.h"

#include <algorithm>

namespace weir::gateway {
namespace {

void amount(json::Writer& writer, std::string_view name, quota::Unit unit, std::int64_t value) {
    // Dollars are shown in dollars; what is kept are nanodollars.
    if (unit == quota::Unit::nanousd) writer.member(name, static_cast<double>(value) / 1e9);
    else writer.member(name, value);
}

void write_amounts(json::Writer& writer, const quota::Ledger::View& view) {
    const auto unit = view.account.unit;
    amount(writer, "used", unit, view.window.settled);
    amount(writer, "held", unit, view.window.held);
    if (view.account.limit) {
        const std::int64_t left = *view.account.limit - view.window.settled - view.window.held;
        amount(writer, "limit", unit, *view.account.limit);
        amount(writer, "remaining", unit, std::max<std::int64_t>(0, left));
    } else {
        writer.key("limit").null().key("remaining").null();
    }
    if (view.account.limit && view.window.span.end != quota::never_ends)
        writer.member("resets_at",
                      format_time(WallTime(std::chrono::seconds(view.window.span.end))));
    else writer.key("resets_at").null();
}

std::int64_t remaining(const quota::Ledger::View& view) {
    return *view.account.limit - view.window.settled - view.window.held;
}

} // namespace

void write_budget(std::string& out, const quota::Ledger::View& view, std::string_view subject,
                  Detail detail) {
    json::Writer writer(out);
    writer.begin_object()
        .member("scope", name(view.account.subject.scope))
        .member("subject", subject);
    writer.member("unit", name(view.account.unit)).member("per", name(view.account.period));
    write_amounts(writer, view);
    if (detail == Detail::explained) {
        const quota::Window& window = view.window;
        const bool counts = window.span.end != quota::never_ends;
        if (counts)
            writer.member("starts_at",
                          format_time(WallTime(std::chrono::seconds(window.span.start))));
        else writer.key("starts_at").null();
        writer.member("timezone", view.account.zone->name());
        writer.member("set_by",
                      view.account.origin == quota::Account::Origin::file ? "file" : "command");
        writer.member("holds", window.holds);
    }
    writer.end_object();
}

std::string quota_json(quota::Ledger& ledger, const Caller& caller) {
    struct Named {
        quota::Subject subject;
        std::string name;
    };
    std::vector<Named> subjects;
    if (caller.key)
        subjects.push_back({{quota::Scope::key, caller.key->id.value()}, caller.key->public_id});
    const std::string owner = caller.key ? caller.key->owner : "";
    subjects.push_back({{quota::Scope::user, caller.user.value()}, owner});
    if (caller.team)
        subjects.push_back(
            {{quota::Scope::team, caller.team->value()}, caller.key ? caller.key->team : ""});
    subjects.push_back({{quota::Scope::everyone, 0}, ""});

    std::optional<quota::Ledger::View> shown;
    std::optional<quota::Ledger::View> meter;
    std::string budgets;
    for (const Named& named : subjects) {
        for (const quota::Ledger::View& view : ledger.views(named.subject)) {
            const bool daily_requests = view.account.unit == quota::Unit::requests &&
                                        view.account.period == quota::Period::day;
            // The narrowest that counts: the key's own day, or without a key the user's.
            if (daily_requests && !meter) meter = view;
            if (!view.account.limit) continue;
            if (daily_requests && (!shown || remaining(view) < remaining(*shown))) shown = view;
            if (!budgets.empty()) budgets.push_back(',');
            write_budget(budgets, view, named.name, Detail::brief);
        }
    }
    std::string out;
    json::Writer writer(out);
    writer.begin_object();
    if (shown || meter) write_amounts(writer, shown ? *shown : *meter);
    writer.key("budgets").raw("[" + budgets + "]").end_object();
    return out;
}

} // namespace weir::gateway
