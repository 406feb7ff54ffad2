#include "api/model_shelf.h"

#include <algorithm>
#include <utility>

#include "core/result.h"

namespace mlxserving::api {

ModelShelf::ModelShelf(Host& host, std::vector<KnownModel> known, EngineOptions options)
    : host_(host), known_(std::move(known)), options_(std::move(options)) {}

ModelShelf::~ModelShelf() { finish_loads(); }

void ModelShelf::finish_loads() {
  for (auto& [id, thread] : loads_) {
    if (thread.joinable()) thread.join();
  }
}

void ModelShelf::on_loaded(std::function<void(const std::string&, const Result<void>&)> listener) {
  listener_ = std::move(listener);
}

const KnownModel* ModelShelf::find_known(const std::string& id) const {
  const auto found = std::ranges::find(known_, id, &KnownModel::id);
  return found == known_.end() ? nullptr : &*found;
}

std::string ModelShelf::names() const {
  std::string names;
  for (const KnownModel& model : known_) names += (names.empty() ? "" : ", ") + model.id;
  return names;
}

ModelStatus ModelShelf::status(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto loading = loading_.find(id);
  const bool is_loading = loading != loading_.end() && loading->second;
  for (ModelStatus& status : host_.list()) {
    // One that failed before says so until the host hears of the new load.
    if (status.id == id && !(is_loading && status.state == ModelState::failed)) return status;
  }
  const KnownModel* model = find_known(id);
  const auto failure = failures_.find(id);
  ModelStatus status;
  status.id = id;
  status.directory = model == nullptr ? "" : model->directory;
  status.state = is_loading ? ModelState::loading : ModelState::failed;
  if (failure != failures_.end()) status.error = failure->second;
  return status;
}

bool ModelShelf::is_any_ready() const {
  return std::ranges::any_of(host_.list(), [](const ModelStatus& s) { return s.state == ModelState::ready; });
}

Result<std::shared_ptr<Engine>> ModelShelf::find(const std::string& id) {
  if (id.empty()) {
    std::vector<std::string> ready;
    for (const ModelStatus& status : host_.list()) {
      if (status.state == ModelState::ready) ready.push_back(status.id);
    }
    if (ready.size() == 1) return find(ready.front());
    return fail(ErrorCode::invalid_request, "model", "model is required while {} models are loaded; there are: {}",
                ready.size(), names());
  }
  if (find_known(id) == nullptr) {
    return fail(ErrorCode::not_found, "model", "there is no model '{}'; there are: {}", id, names());
  }
  auto engine = host_.get(id);
  if (engine) return engine;
  const ModelStatus now = status(id);
  if (now.state == ModelState::loading) {
    return fail(ErrorCode::resource_exhausted, "", "the model '{}' is being loaded ({:.0f} %); try again", id,
                100 * now.progress);
  }
  if (!now.error.empty()) {
    return fail(ErrorCode::invalid_model, "model", "the model '{}' could not be loaded: {}", id, now.error);
  }
  return fail(ErrorCode::not_found, "model", "the model '{}' is not loaded; POST /v1/models/load loads it", id);
}

Result<void> ModelShelf::load(const std::string& id) {
  const KnownModel* model = find_known(id);
  if (model == nullptr) {
    return fail(ErrorCode::not_found, "model", "there is no model '{}'; there are: {}", id, names());
  }
  const std::lock_guard lock(mutex_);
  if (loading_[id] || host_.get(id)) return {};
  loading_[id] = true;
  failures_.erase(id);
  std::thread& thread = loads_[id];
  if (thread.joinable()) thread.join();  // of an earlier load, which has ended
  thread = std::thread([this, model] { run_load(*model); });
  return {};
}

void ModelShelf::run_load(const KnownModel& model) {
  EngineOptions options = options_;
  options.progress = [&](double fraction, const std::string& stage) {
    if (options_.progress) options_.progress(fraction, stage);
    wake_watchers(model.id);
  };
  const auto engine = host_.load(model.id, model.directory, options);
  {
    const std::lock_guard lock(mutex_);
    loading_[model.id] = false;
    if (!engine) failures_[model.id] = engine.error().message;
  }
  wake_watchers(model.id);
  if (listener_) listener_(model.id, engine ? Result<void>() : Result<void>(engine.error()));
}

std::shared_ptr<void> ModelShelf::watch(const std::string& id, std::function<void()> wake) {
  const std::lock_guard lock(watchers_->mutex);
  const auto entry = watchers_->by_id.emplace(id, std::move(wake));
  return std::shared_ptr<void>(nullptr, [watchers = watchers_, entry](void*) {
    const std::lock_guard unlock(watchers->mutex);
    watchers->by_id.erase(entry);
  });
}

void ModelShelf::wake_watchers(const std::string& id) {
  const std::lock_guard lock(watchers_->mutex);
  const auto [begin, end] = watchers_->by_id.equal_range(id);
  for (auto it = begin; it != end; ++it) it->second();
}

Result<void> ModelShelf::unload(const std::string& id) {
  if (find_known(id) == nullptr) {
    return fail(ErrorCode::not_found, "model", "there is no model '{}'; there are: {}", id, names());
  }
  return host_.unload(id);
}

}  // namespace mlxserving::api
