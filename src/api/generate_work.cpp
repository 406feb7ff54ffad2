#include <chrono>

#include "api/batch_reply.h"
#include "api/rpc_work.h"

namespace mlxserving::api {
namespace {

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::variant<NewStream, RpcError> submit(const Services& services, const Entry& entry,
                                         const GenerateDefaults& defaults) {
  if (entry.refused) return *entry.refused;
  auto read = to_generation(entry.params, defaults, services.settings);
  if (auto* fault = std::get_if<RpcError>(&read)) return std::move(*fault);
  auto& generation = std::get<Generation>(read);
  const auto engine = services.host.get(generation.model_id);
  if (!engine) return not_loaded(generation.model_id);
  generation.request.id = entry.stream_id;
  auto stream = (*engine)->submit(std::move(generation.request));
  if (!stream) return generation_refused(generation.model_id, stream.error());
  return NewStream{entry.stream_id, generation.model_id, std::move(*stream), generation.style};
}

Reply started(std::variant<NewStream, RpcError>& submitted, std::vector<NewStream>& streams) {
  if (auto* fault = std::get_if<RpcError>(&submitted)) return std::move(*fault);
  NewStream& stream = streams.emplace_back(std::move(std::get<NewStream>(submitted)));
  return Json{{"stream_id", stream.stream_id}, {"started_at", seconds_since_1970()}};
}

}  // namespace

Outcome generate(const Services& services, const std::vector<Entry>& entries, const GenerateDefaults& defaults,
                 bool as_batch) {
  Outcome outcome;
  Json results = Json::array();
  for (const Entry& entry : entries) {
    auto submitted = submit(services, entry, defaults);
    outcome.reply = started(submitted, outcome.streams);
    if (as_batch) results.push_back(envelope(outcome.reply));
  }
  if (as_batch) outcome.reply = Json{{"results", std::move(results)}};
  return outcome;
}

}  // namespace mlxserving::api
