// Against DNS rebinding: a page whose name resolves to this machine speaks to a local server as its own site, and only
// the Host header gives it away.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace mlxserving::api {

// Whether a Host header names localhost, an IP address, or one of `names` ("*": any); the port does not matter. Empty
// is allowed: browsers always send one.
bool is_allowed_host(std::string_view host, std::span<const std::string> names);

// Whether only this machine reaches a server at this IP address.
bool is_loopback(std::string_view address);

}  // namespace mlxserving::api
