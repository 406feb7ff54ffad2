// The request path behind the HTTP parser: the first byte chooses the endpoint, the rest is the body. The model is
// scripted, so every accepted request runs to its answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "../tests/api/scripted_host.h"
#include "api/http_api.h"
#include "api/routes.h"

namespace {

using namespace mlxserving;

struct World {
  test::ScriptedHost host;
  api::ModelShelf shelf{host, {{"scripted", "here"}}, {}};
  api::HttpApi api{shelf, {}};
  World() { (void)host.load("scripted", "here", {}); }
};

void read_all(net::PendingResponse& pending) {
  pending.on_ready([] {});
  std::optional<net::HttpResponse> head;
  while (!(head = pending.begin(false))) std::this_thread::yield();
  if (!pending.is_streamed()) return;
  std::string body;
  for (int i = 0; i < 1000 && pending.read(body, 4096); ++i) std::this_thread::yield();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static World world;
  if (size == 0) return 0;
  const auto routes = api::routes();
  const api::Route& route = routes[data[0] % routes.size()];
  if (std::string_view(route.path).starts_with("/v1/models/")) return 0;  // unloading would leave nothing to ask
  net::HttpRequest request;
  request.method = route.method;
  request.path = route.path;
  request.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (request.body.find("forever") != std::string::npos || request.body.find("count") != std::string::npos) return 0;
  net::HttpReply reply = world.api.handle(std::move(request));
  if (auto* pending = std::get_if<std::unique_ptr<net::PendingResponse>>(&reply)) {
    read_all(**pending);
  } else if (std::get<net::HttpResponse>(reply).status == 500) {
    std::abort();  // nothing in a body is our fault
  }
  return 0;
}
