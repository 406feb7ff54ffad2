// What the JSON-RPC server counts and samples of itself and of its models.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "api/live_stream.h"
#include "api/rpc_work.h"

namespace mlxserving::api {

// Belongs to the server's thread.
class ActivityRecorder {
 public:
  explicit ActivityRecorder(const Services& services) : services_(services) {}

  void count_request() { ++activity_.requests; }
  void count_error() { ++activity_.errors; }
  void add_tokenize(double took_ms);
  void add_stream(const Ending& ending);

  // When it is due again: samples the models' rates, and logs what has changed of their state.
  void tick();

  // As of now.
  const Activity& read(size_t active_streams);

 private:
  using Clock = std::chrono::steady_clock;

  bool is_sampled();
  void note_state(const std::string& model_id, const char* part, const std::string& state);

  const Services& services_;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point ticked_at_ = started_;
  Activity activity_;
  double sampling_ = 0;
  std::map<std::string, std::map<std::string, std::string>> states_;  // by model and part
};

}  // namespace mlxserving::api
