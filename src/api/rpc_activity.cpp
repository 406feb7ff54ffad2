#include "api/rpc_activity.h"

#include <set>

namespace mlxserving::api {
namespace {

constexpr std::chrono::seconds kSampleEvery{1};

double to_seconds(auto duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

void ActivityRecorder::add_tokenize(double took_ms) {
  if (is_sampled()) activity_.tokenize_ms.add(took_ms);
}

void ActivityRecorder::add_stream(const Ending& ending) {
  if (is_sampled()) {
    activity_.generation_ms.add(ending.timings.total_ms);
    activity_.generation_seconds += ending.timings.total_ms / 1000;
    activity_.generated_tokens += static_cast<uint64_t>(ending.usage.completion_tokens);
  }
  if (!ending.is_failed) return;
  ++activity_.errors;
  if (ending.error == ErrorCode::timeout) ++activity_.timeouts;
}

const Activity& ActivityRecorder::read(size_t active_streams) {
  activity_.active_streams = active_streams;
  activity_.uptime_seconds = to_seconds(Clock::now() - started_);
  activity_.timestamp = to_seconds(std::chrono::system_clock::now().time_since_epoch());
  return activity_;
}

void ActivityRecorder::tick() {
  if (Clock::now() - ticked_at_ < kSampleEvery) return;
  ticked_at_ = Clock::now();
  const double seconds = to_seconds(ticked_at_ - started_);
  std::set<std::string> loaded;
  for (const ModelStatus& status : services_.host.list()) {
    if (status.state != ModelState::ready) continue;
    const auto engine = services_.host.get(status.id);
    if (!engine) continue;
    const Metrics metrics = (*engine)->metrics();
    activity_.tokens[status.id].sample(seconds, static_cast<double>(metrics.completion_tokens));
    activity_.requests_done[status.id].sample(seconds, static_cast<double>(metrics.requests_finished));
    note_state(status.id, "health", to_string((*engine)->health().state));
    note_state(status.id, "circuit", metrics.circuit_state);
    loaded.insert(status.id);
  }
  const auto is_gone = [&](const auto& row) { return !loaded.contains(row.first); };
  std::erase_if(activity_.tokens, is_gone);
  std::erase_if(activity_.requests_done, is_gone);
  std::erase_if(states_, is_gone);
}

// Every event at rate 1, every fourth at 0.25.
bool ActivityRecorder::is_sampled() {
  sampling_ += services_.settings.sampling_rate;
  if (sampling_ < 1) return false;
  sampling_ -= 1;
  return true;
}

// Logs what a model's part has become, when it is not what it was.
void ActivityRecorder::note_state(const std::string& model_id, const char* part, const std::string& state) {
  std::string& last = states_[model_id][part];
  if (last == state) return;
  if (!last.empty()) {
    services_.log.write(telemetry::Level::warn, "state changed",
                        {{"model", model_id}, {"part", part}, {"from", last}, {"to", state}});
  }
  last = state;
}

}  // namespace mlxserving::api
