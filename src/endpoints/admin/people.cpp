#include "endpoints/admin/people.h"

#include "access/password.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/token_text.h"
#include "endpoints/admin/fields.h"
#include "json/writer.h"

#include <fmt/core.h>

namespace weir::endpoints {
namespace {

constexpr std::size_t password_length = 20; // base62: 119 bits
constexpr std::chrono::milliseconds expiry_max = std::chrono::hours(24 * 3650);

void write_user(json::Writer& writer, const access::Access& access, const access::User& user) {
    writer.begin_object().member("email", user.email).member("role", name(user.role));
    const std::string team = access.team_of(user.id);
    writer.member_or_null("team", team.empty() ? std::nullopt : std::optional(team));
    writer.key("disabled").boolean(user.standing == access::Standing::disabled);
    writer.member("created_at", format_time(user.created_at));
}

std::optional<std::string> time_text(const std::optional<WallTime>& time) {
    return time ? std::optional(format_time(*time)) : std::nullopt;
}

void write_key(json::Writer& writer, const AdminWorld& world, const access::Key& key) {
    const access::Access& access = world.parts.access;
    writer.begin_object().member("id", key.public_id).member("name", key.name);
    writer.member("user", access.email_of(key.user));
    const std::string team = access.team_of(key.user);
    writer.member_or_null("team", team.empty() ? std::nullopt : std::optional(team));
    writer.key("models").begin_array();
    for (const std::string& model : key.models) writer.value(model);
    writer.end_array().member("created_at", format_time(key.created_at));
    writer.member_or_null("expires_at", time_text(key.expires_at));
    writer.member_or_null("last_used_at", time_text(key.last_used_at));
    const bool revoked = key.revoked_at && *key.revoked_at <= world.parts.clock.wall();
    writer.key("revoked").boolean(revoked);
}

AdminReply made_key_reply(const AdminWorld& world, const access::Access::MadeKey& made) {
    AdminReply reply{201, {}};
    json::Writer writer(reply.body);
    write_key(writer, world, made.key);
    writer.member("key", made.text.reveal()).end_object();
    return reply;
}

net::Task<std::string> hash_on_pool(AdminCall& call, Secret password) {
    std::move_only_function<std::string()> work = [moved = std::move(password)] {
        return access::hash_password(moved);
    };
    return call.world.pool.run(call.mine.loop, std::move(work));
}

} // namespace

AdminTask list_users(AdminCall call) {
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().key("data").begin_array();
    for (const access::User& user : call.world.parts.access.users()) {
        write_user(writer, call.world.parts.access, user);
        writer.end_object();
    }
    writer.end_array().key("next").null().end_object();
    co_return reply;
}

AdminTask add_user(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    access::Access::NewUser wanted;
    wanted.email = fields.required("email");
    wanted.team = fields.text("team").value_or("");
    const std::string role = fields.text("role").value_or("user");
    if (const auto parsed = parse_role(role)) wanted.role = *parsed;
    else fields.wrong("role", "A role is one of admin, operator, auditor and user.");
    CO_CHECK(fields.finish());
    const Secret password(random_base62(call.world.parts.random, password_length));
    wanted.password_hash = co_await hash_on_pool(call, password);
    CO_TRY(const access::User user,
           co_await call.world.parts.access.add_user(call.mine.loop, std::move(wanted)));
    AdminReply reply{201, {}};
    json::Writer writer(reply.body);
    write_user(writer, call.world.parts.access, user);
    writer.member("password", password.reveal()).end_object();
    co_return reply;
}

AdminTask change_user(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    const auto disabled = fields.boolean("disabled");
    const auto password = fields.text("password");
    if (password && (password->size() < limits::password_bytes_min ||
                     password->size() > limits::password_bytes_max)) {
        fields.wrong("password",
                     fmt::format("A password has {} to {} bytes.", limits::password_bytes_min,
                                 limits::password_bytes_max));
    }
    CO_CHECK(fields.finish());
    access::Access& access = call.world.parts.access;
    if (!access.find_user(call.id))
        co_return refuse(Errc::not_found, fmt::format("There is no user '{}'; see: weir user list",
                                                      clip(call.id, 64)));
    if (password) {
        std::string hash = co_await hash_on_pool(call, Secret(*password));
        CO_CHECK(co_await access.set_password_hash(call.mine.loop, call.id, std::move(hash)));
    }
    if (disabled) {
        const auto standing = *disabled ? access::Standing::disabled : access::Standing::active;
        CO_CHECK(co_await access.set_standing(call.mine.loop, call.id, standing));
    }
    AdminReply reply;
    json::Writer writer(reply.body);
    write_user(writer, access, *access.find_user(call.id));
    writer.end_object();
    co_return reply;
}

AdminTask list_teams(AdminCall call) {
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().key("data").begin_array();
    for (const access::Team& team : call.world.parts.access.teams()) {
        writer.begin_object().member("name", team.name);
        writer.member("created_at", format_time(team.created_at)).end_object();
    }
    writer.end_array().key("next").null().end_object();
    co_return reply;
}

AdminTask add_team(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    std::string wanted = fields.required("name");
    CO_CHECK(fields.finish());
    CO_TRY(const access::Team team,
           co_await call.world.parts.access.add_team(call.mine.loop, std::move(wanted)));
    AdminReply reply{201, {}};
    json::Writer writer(reply.body);
    writer.begin_object().member("name", team.name);
    writer.member("created_at", format_time(team.created_at)).end_object();
    co_return reply;
}

AdminTask list_keys(AdminCall call) {
    AdminReply reply;
    json::Writer writer(reply.body);
    writer.begin_object().key("data").begin_array();
    for (const access::Key& key : call.world.parts.access.keys()) {
        write_key(writer, call.world, key);
        writer.end_object();
    }
    writer.end_array().key("next").null().end_object();
    co_return reply;
}

AdminTask add_key(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    access::Access::NewKey wanted;
    wanted.email = fields.required("user");
    wanted.name = fields.text("name").value_or("key");
    wanted.models = fields.texts("models");
    wanted.rate = fields.text("rate").value_or("");
    wanted.admin = fields.boolean("admin").value_or(false);
    if (const auto expires = fields.text("expires")) {
        const auto lifetime = parse_duration(*expires);
        if (!lifetime || lifetime->count() <= 0 || *lifetime > expiry_max)
            fields.wrong("expires", "An expiry is a duration such as 12h or 30d.");
        else wanted.expires_at = call.world.parts.clock.wall() + *lifetime;
    }
    for (const std::string& model : wanted.models)
        if (model.empty() || model.find_first_of("\r\n") != std::string::npos)
            fields.wrong("models", "A model's name is one line of text.");
    CO_CHECK(fields.finish());
    CO_TRY(const auto made,
           co_await call.world.parts.access.add_key(call.mine.loop, std::move(wanted)));
    co_return made_key_reply(call.world, made);
}

AdminTask revoke_key(AdminCall call) {
    CO_TRY(const access::Key key,
           co_await call.world.parts.access.revoke_key(call.mine.loop, call.id));
    AdminReply reply;
    json::Writer writer(reply.body);
    write_key(writer, call.world, key);
    writer.end_object();
    co_return reply;
}

AdminTask rotate_key(AdminCall call) {
    CO_TRY(AdminFields fields, AdminFields::parse(call.request.body));
    std::chrono::milliseconds overlap{0};
    if (const auto text = fields.text("overlap")) {
        const auto parsed = parse_duration(*text);
        if (!parsed || *parsed > expiry_max)
            fields.wrong("overlap", "An overlap is a duration such as 24h.");
        else overlap = *parsed;
    }
    CO_CHECK(fields.finish());
    CO_TRY(const auto made,
           co_await call.world.parts.access.rotate_key(call.mine.loop, call.id, overlap));
    co_return made_key_reply(call.world, made);
}

} // namespace weir::endpoints
