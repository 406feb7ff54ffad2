// GET /health, /health/live, /health/ready: the engine loops' truth.
#include "api/routes.h"

namespace mlxserving::api {
namespace {

struct Verdict {
  bool live = true;  // false: only a restart helps
  bool ready = false;
  Json models = Json::object();
};

Verdict examine(ServerState& state) {
  Verdict verdict;
  for (const KnownModel& known : state.shelf.known()) {
    const auto engine = state.shelf.find(known.id);
    if (!engine) {
      const ModelStatus status = state.shelf.status(known.id);
      verdict.models[known.id] = {{"state", status.state == ModelState::loading ? "loading"
                                            : status.error.empty()              ? "unloaded"
                                                                                : "failed"}};
      continue;
    }
    const Health health = (*engine)->health();
    const bool works = health.state == HealthState::ready || health.state == HealthState::degraded;
    verdict.live &= works;
    verdict.ready |= works;
    verdict.models[known.id] = {
        {"state", to_string(health.state)}, {"reason", health.reason}, {"last_step_age_ms", health.last_step_age_ms}};
  }
  verdict.ready &= verdict.live && !state.draining;
  return verdict;
}

net::HttpReply tell(const Verdict& verdict, bool good, const char* bad) {
  return net::HttpResponse{.status = good ? 200 : 503,
                           .body = to_text({{"status", good ? "ok" : bad},
                                            {"live", verdict.live},
                                            {"ready", verdict.ready},
                                            {"models", verdict.models}}),
                           .headers = {{"cache-control", "no-store"}}};
}

}  // namespace

net::HttpReply get_live(ServerState& state, net::HttpRequest&) {
  const Verdict verdict = examine(state);
  return tell(verdict, verdict.live, "dead");
}

net::HttpReply get_ready(ServerState& state, net::HttpRequest&) {
  const Verdict verdict = examine(state);
  return tell(verdict, verdict.ready, verdict.live ? "not ready" : "dead");
}

net::HttpReply get_health(ServerState& state, net::HttpRequest& request) { return get_ready(state, request); }

}  // namespace mlxserving::api
