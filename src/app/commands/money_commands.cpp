// allow(orphan): the quota and ledger commands of app/commands/commands.h.

#include "app/commands/commands.h"
#include "base/text.h"
#include "endpoints/admin/money.h"
#include "json/writer.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/sqlite/user_tables.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <memory>

namespace weir::app {
namespace {

// Whom a budget or a total is about.
struct Whom {
    std::string user;
    std::string team;
    std::string key;
    bool everyone = false;

    int count() const { return !user.empty() + !team.empty() + !key.empty() + everyone; }
    std::string scope() const {
        return !user.empty() ? "user" : !team.empty() ? "team" : !key.empty() ? "key" : "everyone";
    }
    std::string subject() const {
        return !user.empty() ? user : !team.empty() ? team : key_name(key);
    }
    std::map<std::string, std::string> query() const {
        if (count() == 0) return {};
        return {{"scope", scope()}, {"subject", subject()}};
    }
};

void add_whom(CLI::App& command, Whom& whom) {
    command.add_option("--user", whom.user, "an e-mail");
    command.add_option("--team", whom.team, "a team's name");
    command.add_option("--key", whom.key, "a whole key, its public id, or a unique name");
}

int usage(std::string_view message) {
    fmt::print(stderr, "weir: {}\n", message);
    return 2;
}

// "12.5" dollars as nanodollars, digit by digit: money does not go through a double.
std::optional<std::int64_t> parse_dollars(std::string_view text) {
    const std::size_t dot = text.find('.');
    const auto whole = parse_decimal(text.substr(0, dot));
    if (!whole || *whole > 1'000'000'000) return std::nullopt;
    std::string fraction(dot == std::string_view::npos ? "" : text.substr(dot + 1));
    if (dot != std::string_view::npos && (fraction.empty() || fraction.size() > 9))
        return std::nullopt;
    fraction.resize(9, '0');
    const auto nano = parse_decimal(fraction);
    if (!nano) return std::nullopt;
    return static_cast<std::int64_t>(*whole * 1'000'000'000 + *nano);
}

struct Budget {
    std::string unit;
    std::string amount;
};

// The body of one change; nullopt where the amount is none.
std::optional<std::string> budget_body(const Whom& whom, const Budget& budget,
                                       const std::string& per) {
    std::optional<std::int64_t> limit;
    if (budget.amount != "none") {
        if (budget.unit == "usd") limit = parse_dollars(budget.amount);
        else if (const auto number = parse_decimal(budget.amount);
                 number && *number < INT64_MAX / 4)
            limit = static_cast<std::int64_t>(*number);
        if (!limit) return std::nullopt;
    }
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("scope", whom.scope()).member("subject", whom.subject());
    writer.member("unit", budget.unit)
        .member("per", per)
        .member_or_null("limit", limit)
        .end_object();
    return body;
}

int set_quota(Console console, const Whom& whom, const std::vector<Budget>& budgets,
              const std::string& per, const std::string& timezone) {
    if (whom.count() != 1) return usage("name exactly one of --user, --team, --key and --everyone");
    std::vector<std::string> bodies;
    for (const Budget& budget : budgets) {
        if (budget.amount.empty()) continue;
        auto body = budget_body(whom, budget, per);
        if (!body)
            return usage(fmt::format("--{} takes an amount or none, not '{}'", budget.unit,
                                     clip(budget.amount, 64)));
        bodies.push_back(*std::move(body));
    }
    if (!timezone.empty()) {
        std::string body;
        json::Writer writer(body);
        writer.begin_object().member("scope", whom.scope()).member("subject", whom.subject());
        writer.member("timezone", timezone).end_object();
        bodies.push_back(std::move(body));
    }
    if (bodies.empty())
        return usage("say what to set: --requests N, --tokens N, --usd X or --timezone TZ");
    std::string last;
    for (std::string& body : bodies) {
        auto reply = console.ask("PUT", "quotas", {}, std::move(body));
        if (!reply) return Console::refused(reply.error());
        last = std::move(reply->body);
    }
    if (console.format() == Format::json) console.print_list(last, {});
    else fmt::print(stderr, "It is set.\n");
    return 0;
}

void add_quota_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("quota", "budgets");
    family->require_subcommand(1);
    struct Words {
        Whom whom;
        Budget requests{"requests", ""};
        Budget tokens{"tokens", ""};
        Budget usd{"usd", ""};
        std::string per = "day";
        std::string timezone;
    };
    const auto words = std::make_shared<Words>();

    auto* const show = family->add_subcommand("show", "budgets and what is left of them");
    add_whom(*show, words->whom);
    show->add_flag("--json", common.json, "as JSON");
    show->callback([&common, words] {
        if (words->whom.count() > 1) {
            common.exit_code = usage("name at most one of --user, --team and --key");
            return;
        }
        Console console = common.console();
        const auto reply = console.ask("GET", "quotas", words->whom.query());
        if (reply)
            console.print_list(reply->body, {"scope", "subject", "unit", "per", "used", "held",
                                             "limit", "remaining", "starts_at", "resets_at",
                                             "timezone", "holds", "set_by"});
        else common.exit_code = Console::refused(reply.error());
    });

    auto* const set = family->add_subcommand("set", "set a budget, or remove it with 'none'");
    add_whom(*set, words->whom);
    set->add_flag("--everyone", words->whom.everyone, "all together");
    set->add_option("--requests", words->requests.amount, "how many, or none");
    set->add_option("--tokens", words->tokens.amount, "how many, or none");
    set->add_option("--usd", words->usd.amount, "US dollars, such as 12.50, or none");
    set->add_option("--per", words->per, "day, week, month or total");
    set->add_option("--timezone", words->timezone,
                    "where days begin, such as Europe/Berlin; a user's keys follow");
    set->add_flag("--json", common.json, "as JSON");
    set->callback([&common, words] {
        const std::vector<Budget> budgets{words->requests, words->tokens, words->usd};
        common.exit_code =
            set_quota(common.console(), words->whom, budgets, words->per, words->timezone);
    });
}

// The totals as the store has them, where no server runs: read, never recovered.
Result<std::string> read_totals(const Console& console, const Whom& whom) {
    WEIR_TRY(const auto reader, storage::SqliteReader::open(console.data_dir()));
    WEIR_TRY(const quota::Books books, quota::Ledger::read(*reader));
    if (whom.count() == 0) return endpoints::totals_json(books.totals({quota::Scope::everyone, 0}));
    WEIR_TRY(const auto everyone, storage::load_everyone(reader->database()));
    WEIR_TRY(const quota::Subject subject,
             endpoints::find_subject(everyone, whom.scope(), whom.subject()));
    return endpoints::totals_json(books.totals(subject));
}

int show_ledger(Console console, const Whom& whom) {
    if (whom.count() > 1) return usage("name at most one of --user, --team and --key");
    std::string target = "/api/v1/admin/ledger";
    if (whom.count() == 1)
        target += "?scope=" + whom.scope() + "&subject=" + percent_encode(whom.subject());
    auto reply = console.ask_server("GET", target, "");
    if (!reply && reply.error().code() == Errc::upstream_unavailable) {
        auto read = read_totals(console, whom);
        if (!read) return Console::refused(read.error());
        reply = endpoints::AdminReply{200, *std::move(read)};
    }
    if (!reply) return Console::refused(reply.error());
    if (console.format() == Format::json) {
        fmt::print("{}\n", reply->body);
        return 0;
    }
    const auto document = json::Document::parse(reply->body);
    for (const json::Value member : document->root())
        fmt::print("{:<11} {}\n", member.key(), shown(member));
    return 0;
}

int verify_ledger(Console console) {
    // A running server first writes what it has acknowledged; without one the store is all there
    // is.
    (void)console.ask_server("GET", "/api/v1/admin/ledger", "");
    auto reader = storage::SqliteReader::open(console.data_dir());
    auto verdict = reader ? (*reader)->verify() : std::unexpected(reader.error());
    if (!verdict) {
        fmt::print(stderr, "weir: {} {}\n", verdict.error().message(), verdict.error().detail());
        return 1;
    }
    if (console.format() == Format::json) {
        std::string out;
        json::Writer writer(out);
        writer.begin_object().key("ok").boolean(verdict->ok()).member("entries", verdict->entries);
        writer.member("holds_open", verdict->holds_open).key("spent").begin_object();
        writer.member("requests", verdict->requests).member("tokens", verdict->tokens);
        writer.member("nanousd", verdict->nanousd).end_object().key("faults").begin_array();
        for (const quota::LedgerFault& fault : verdict->faults) {
            writer.begin_object().member("lsn", fault.lsn).member("invariant", fault.invariant);
            writer.member("detail", fault.detail).end_object();
        }
        writer.end_array().end_object();
        fmt::print("{}\n", out);
        return verdict->ok() ? 0 : 1;
    }
    for (const quota::LedgerFault& fault : verdict->faults)
        fmt::print("entry {}: {}: {}\n", fault.lsn, fault.invariant, fault.detail);
    fmt::print("{} entries, {} open holds, {} requests, {} tokens, {} nanodollars: {}\n",
               verdict->entries, verdict->holds_open, verdict->requests, verdict->tokens,
               verdict->nanousd, verdict->ok() ? "every invariant holds" : "NOT in order");
    return verdict->ok() ? 0 : 1;
}

void add_ledger_commands(CLI::App& app, Common& common) {
    auto* const family = app.add_subcommand("ledger", "what was spent");
    family->require_subcommand(1);
    const auto whom = std::make_shared<Whom>();
    auto* const show = family->add_subcommand("show", "totals of all time");
    add_whom(*show, *whom);
    show->add_flag("--json", common.json, "as JSON");
    show->callback([&common, whom] { common.exit_code = show_ledger(common.console(), *whom); });
    auto* const verify = family->add_subcommand(
        "verify", "recompute everything; exit 0 only if every invariant holds");
    verify->add_flag("--json", common.json, "as JSON");
    verify->callback([&common] { common.exit_code = verify_ledger(common.console()); });
}

} // namespace

void add_money_commands(CLI::App& app, Common& common) {
    add_quota_commands(app, common);
    add_ledger_commands(app, common);
}

} // namespace weir::app
