#include "net/url.h"

#include "base/text.h"
#include "wire/fields.h"

#include <fmt/core.h>

namespace weir::net {

std::string Origin::authority() const {
    const bool literal = host.find(':') != std::string::npos;
    std::string out = literal ? "[" + host + "]" : host;
    const std::uint16_t usual = scheme == Scheme::https ? 443 : 80;
    if (port != usual) out += fmt::format(":{}", port);
    return out;
}

Result<Url> Url::parse(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return refuse(Errc::invalid_value,
                      fmt::format("'{}' is not a usable URL: {}", clip(text, 64), why));
    };
    Url url;
    if (text.starts_with("https://")) url.origin.scheme = Scheme::https;
    else if (!text.starts_with("http://"))
        return bad("it begins with neither http:// nor https://");
    const bool secure = url.origin.scheme == Scheme::https;
    std::string_view rest = text.substr(secure ? 8 : 7);
    const std::size_t slash = rest.find('/');
    const std::string_view authority = rest.substr(0, slash);
    std::string_view path =
        slash == std::string_view::npos ? std::string_view() : rest.substr(slash);
    if (!wire::is_authority(authority)) return bad("its host is malformed");
    if (path.find_first_of("?# \t\r\n") != std::string_view::npos)
        return bad("its path is malformed");
    while (path.ends_with('/')) path.remove_suffix(1);
    url.path = path;
    const std::size_t colon =
        authority.ends_with(']') ? std::string_view::npos : authority.rfind(':');
    std::string_view host = authority.substr(0, colon);
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    url.origin.host = host;
    url.origin.port = secure ? 443 : 80;
    if (colon != std::string_view::npos)
        url.origin.port = static_cast<std::uint16_t>(*parse_decimal(authority.substr(colon + 1)));
    return url;
}

} // namespace weir::net
