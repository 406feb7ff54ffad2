#include "api/host_check.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>

namespace mlxserving::api {
namespace {

bool is_ip_address(const std::string& text) {
  in6_addr bytes{};
  return inet_pton(AF_INET, text.c_str(), &bytes) == 1 || inet_pton(AF_INET6, text.c_str(), &bytes) == 1;
}

// Without the port, the brackets of IPv6 and the root's dot; in lower case.
std::string bare_name(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string name(host);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name;
}

}  // namespace

bool is_allowed_host(std::string_view host, std::span<const std::string> names) {
  if (host.empty()) return true;
  const std::string name = bare_name(host);
  if (name == "localhost" || name.ends_with(".localhost") || is_ip_address(name)) return true;
  return std::ranges::any_of(names, [&](const std::string& known) { return known == "*" || bare_name(known) == name; });
}

bool is_loopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

}  // namespace mlxserving::api
