#include "endpoints/admin/provider_keys.h"

#include "base/text.h"
#include "endpoints/admin/fields.h"
#include "json/writer.h"

#include <algorithm>
#include <fmt/core.h>

namespace weir::endpoints {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t value_bytes_max = 4096;
constexpr std::int64_t weight_max = 1000;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= name_bytes_max && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
    });
}

// It goes into a header as it is.
bool is_credential(std::string_view text) {
    return !text.empty() && text.size() <= value_bytes_max &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

upstream::KeyStage stage_of(AdminFields& fields, const std::string& text) {
    const auto stage = upstream::parse_key_stage(text);
    if (!stage) fields.wrong("stage", "A stage is one of staged, canary, active and draining.");
    return stage.value_or(upstream::KeyStage::staged);
}

AdminReply reply_of(int status, const upstream::AddedKey& key) {
    AdminReply reply{status, {}};
    json::Writer writer(reply.body);
    writer.begin_object().member("id", key.id()).member("provider", key.provider);
    writer.member("name", key.name).member("stage", name(key.stage));
    writer.member_or_null("group", key.group.empty() ? std::nullopt : std::optional(key.group));
    writer.member("weight", key.weight).member("created_at", format_time(key.created_at));
    writer.end_object();
    return reply;
}

} // namespace

AdminTask add_provider_key(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    upstream::AddedKeys::NewKey wanted;
    wanted.provider = call.id;
    wanted.name = fields.required("name");
    if (fields.text("name") && !is_name(wanted.name))
        fields.wrong("name", fmt::format("A name has 1 to {} letters, digits, '-', '_' and '.'.",
                                         name_bytes_max));
    wanted.value = Secret(fields.required("value"));
    if (fields.text("value") && !is_credential(wanted.value.reveal()))
        fields.wrong("value",
                     fmt::format("A key has 1 to {} visible ASCII characters.", value_bytes_max));
    wanted.group = fields.text("group").value_or("");
    if (!wanted.group.empty() && !is_name(wanted.group))
        fields.wrong("group", "A group is named as a key is.");
    wanted.weight = fields.integer("weight").value_or(1);
    if (wanted.weight < 1 || wanted.weight > weight_max)
        fields.wrong("weight", fmt::format("A weight is 1 to {}.", weight_max));
    wanted.stage = stage_of(fields, fields.text("stage").value_or("canary"));
    CO_CHECK(fields.finish());
    CO_TRY(const upstream::AddedKey key,
           co_await call.world.provider_keys.add(call.mine.loop, std::move(wanted)));
    co_return reply_of(201, key);
}

AdminTask stage_provider_key(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    const upstream::KeyStage stage = stage_of(fields, fields.required("stage"));
    CO_CHECK(fields.finish());
    CO_TRY(const upstream::AddedKey key,
           co_await call.world.provider_keys.set_stage(call.mine.loop, call.id, stage));
    co_return reply_of(200, key);
}

AdminTask revoke_provider_key(AdminCall call) {
    CO_CHECK(co_await call.world.provider_keys.revoke(call.mine.loop, call.id));
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().member("id", call.id).key("revoked").boolean(true).end_object();
    co_return reply;
}

} // namespace weir::endpoints
