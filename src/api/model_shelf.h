// The models that a server knows by name: which are loaded, and how far the others are.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "mlxserving/host.h"

namespace mlxserving::api {

struct KnownModel {
  std::string id;
  std::string directory;
};

// Any thread.
class ModelShelf {
 public:
  // `host` outlives it.
  ModelShelf(Host& host, std::vector<KnownModel> known, EngineOptions options);
  ~ModelShelf();  // waits for loads that run

  // A model ready for requests; with an empty id the only one there is. Errors: not_found naming those there are, or
  // resource_exhausted while it loads.
  Result<std::shared_ptr<Engine>> find(const std::string& id);

  // Begins to load, unless that is done or under way. Errors: not_found.
  Result<void> load(const std::string& id);
  Result<void> unload(const std::string& id);

  const std::vector<KnownModel>& known() const { return known_; }
  std::vector<ModelStatus> list() const { return host_.list(); }
  ModelStatus status(const std::string& id) const;  // state failed and empty error: known, not loaded

  // Called on a thread of its own whenever a load has ended, well or badly.
  void on_loaded(std::function<void(const std::string& id, const Result<void>& loaded)> listener);

  // Waits for the loads that are under way; from then on nothing is called any more. No load may begin after.
  void finish_loads();

  bool is_any_ready() const;

  // `wake` is called, on any thread, when a load of `id` gets on or ends, while the pointer lives.
  std::shared_ptr<void> watch(const std::string& id, std::function<void()> wake);

 private:
  const KnownModel* find_known(const std::string& id) const;
  std::string names() const;
  void run_load(const KnownModel& model);
  void wake_watchers(const std::string& id);

  Host& host_;
  const std::vector<KnownModel> known_;
  const EngineOptions options_;
  std::function<void(const std::string&, const Result<void>&)> listener_;
  mutable std::mutex mutex_;
  std::map<std::string, std::thread> loads_;  // running or ended, one a model
  std::map<std::string, bool> loading_;
  std::map<std::string, std::string> failures_;

  // Shared with those who watch, who may go while they are called.
  struct Watchers {
    std::mutex mutex;
    std::multimap<std::string, std::function<void()>> by_id;
  };
  const std::shared_ptr<Watchers> watchers_ = std::make_shared<Watchers>();
};

}  // namespace mlxserving::api
