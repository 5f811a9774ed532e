#include "config/config.h"

namespace weir::config {

std::string_view name(Dialect dialect) {
    switch (dialect) {
    case Dialect::openai: return "openai";
    case Dialect::demo: return "demo";
    case Dialect::anthropic: return "anthropic";
    case Dialect::gemini: return "gemini";
    case Dialect::ollama: return "ollama";
    case Dialect::azure: return "azure";
    }
    return "openai";
}

std::string_view name(Unit unit) {
    switch (unit) {
    case Unit::requests: return "requests";
    case Unit::tokens: return "tokens";
    case Unit::nanousd: return "usd";
    }
    return "requests";
}

std::string_view name(Period period) {
    switch (period) {
    case Period::day: return "day";
    case Period::week: return "week";
    case Period::month: return "month";
    case Period::total: return "total";
    }
    return "day";
}

std::string_view name(Scope scope) {
    switch (scope) {
    case Scope::key: return "key";
    case Scope::user: return "user";
    case Scope::team: return "team";
    case Scope::everyone: return "everyone";
    }
    return "key";
}

std::optional<Unit> parse_unit(std::string_view text) {
    for (const Unit unit : {Unit::requests, Unit::tokens, Unit::nanousd})
        if (name(unit) == text) return unit;
    return std::nullopt;
}

std::optional<Period> parse_period(std::string_view text) {
    for (const Period period : {Period::day, Period::week, Period::month, Period::total})
        if (name(period) == text) return period;
    return std::nullopt;
}

const Provider* Config::find_provider(std::string_view wanted) const {
    for (const Provider& provider : providers)
        if (provider.name == wanted) return &provider;
    return nullptr;
}

} // namespace weir::config
