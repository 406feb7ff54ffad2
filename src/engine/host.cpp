#include "mlxserving/host.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <utility>

#include "core/machine.h"
#include "core/result.h"
#include "engine/live_engine.h"

namespace mlxserving {
namespace engine {
namespace {

using Clock = std::chrono::steady_clock;
using Loaded = Result<std::shared_ptr<Engine>>;

// What is left to the rest of the machine when the host may take it all.
constexpr int64_t kMemoryLeftShare = 8;

std::string megabytes(int64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

// One id. The host's mutex guards all but `progress`.
struct Entry {
  ModelStatus status;
  int64_t bytes = 0;  // reserved from the moment its load began
  std::shared_ptr<LiveEngine> engine;
  std::shared_future<Loaded> loading;
  std::atomic<double> progress = 0;

  // Nobody else holds the engine or a stream of it. Under the mutex nobody can begin to.
  bool is_idle() const {
    return status.state == ModelState::ready && engine.use_count() == 1 && engine->port().streams.size() == 0;
  }
};

// The mutex guards the table of models, never a load, an unload or a step.
class LiveHost final : public Host {
 public:
  explicit LiveHost(const HostOptions& options) : options_(options) {
    if (options_.memory_bytes == 0) options_.memory_bytes = memory_bytes() - memory_bytes() / kMemoryLeftShare;
  }

  Loaded load(const std::string& id, const std::string& directory, const EngineOptions& options) override {
    std::promise<Loaded> promise;
    MLXS_TRY(const Claim claim, claim_load(id, directory, promise));
    if (claim.engine) return Loaded(claim.engine);
    if (claim.loading.valid()) return claim.loading.get();
    Loaded loaded = load_entry(*claim.entry, options);
    promise.set_value(loaded);
    const std::lock_guard lock(mutex_);
    claim.entry->loading = {};  // or it would hold the engine for ever
    return loaded;
  }

  Loaded get(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second->status.state != ModelState::ready) return not_loaded(id);
    return Loaded(found->second->engine);
  }

  Result<void> unload(const std::string& id) override {
    std::shared_ptr<LiveEngine> engine;
    {
      const std::lock_guard lock(mutex_);
      const auto found = entries_.find(id);
      if (found == entries_.end() || found->second->status.state == ModelState::loading) return not_loaded(id);
      engine = std::move(found->second->engine);
      entries_.erase(found);
    }
    if (engine) engine->unload();
    return {};
  }

  std::vector<ModelStatus> list() const override {
    const std::lock_guard lock(mutex_);
    std::vector<ModelStatus> out;
    for (const auto& [id, entry] : entries_) {
      ModelStatus& status = out.emplace_back(entry->status);
      status.progress = entry->progress;
      if (!entry->engine) continue;
      status.idle_ms =
          std::chrono::duration<double, std::milli>(Clock::now() - entry->engine->port().last_used.load()).count();
    }
    return out;
  }

  const HostOptions& options() const override { return options_; }

 private:
  static Error not_loaded(const std::string& id) {
    return fail(ErrorCode::not_found, "model", "no model '{}' is loaded", id);
  }

  // Whose a load is: nobody's, because the engine is there; another caller's, which is waited for; or the caller's own.
  struct Claim {
    std::shared_ptr<Engine> engine;
    std::shared_future<Loaded> loading;
    std::shared_ptr<Entry> entry;
  };

  Result<Claim> claim_load(const std::string& id, const std::string& directory, std::promise<Loaded>& promise) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& entry = entries_[id];
    if (entry && entry->status.state != ModelState::failed) {
      if (entry->status.directory != directory) {
        return fail(ErrorCode::invalid_request, "directory", "'{}' is {}; unload it before loading {} under its name",
                    id, entry->status.directory, directory);
      }
      return Claim{.engine = entry->engine, .loading = entry->loading, .entry = nullptr};
    }
    entry = std::make_shared<Entry>();
    entry->status.id = id;
    entry->status.directory = directory;
    entry->loading = promise.get_future().share();
    return Claim{.engine = nullptr, .loading = {}, .entry = entry};
  }

  Loaded load_entry(Entry& entry, EngineOptions options) {
    options.progress = [&entry, tell = options.progress](double fraction, const std::string& stage) {
      entry.progress = fraction;
      if (tell) tell(fraction, stage);
    };
    auto engine = load_engine(entry, options);
    const std::lock_guard lock(mutex_);
    if (!engine) {
      entry.bytes = 0;
      entry.status.state = ModelState::failed;
      entry.status.error = engine.error().message;
      return engine.error();
    }
    entry.engine = std::move(*engine);
    entry.bytes = entry.engine->info().weight_bytes + entry.engine->info().kv_bytes;
    entry.status.state = ModelState::ready;
    entry.status.bytes = entry.bytes;
    entry.status.loaded_at = static_cast<int64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    return Loaded(entry.engine);
  }

  Result<std::shared_ptr<LiveEngine>> load_engine(Entry& entry, EngineOptions& options) {
    const std::string& directory = entry.status.directory;
    MLXS_TRY(const MemoryNeed most, memory_need(directory, options, options_.memory_bytes / 4));
    // A cache that nobody sized takes what the weights leave.
    if (options.kv_bytes == 0) {
      options.kv_bytes = std::clamp<int64_t>(options_.memory_bytes - most.weight_bytes, 1, options_.memory_bytes / 4);
    }
    MLXS_TRY(const MemoryNeed need, memory_need(directory, options, 0));
    MLXS_CHECKED(make_room(entry, need));
    MLXS_TRY(auto engine, LiveEngine::load(thread_, directory, options));
    return std::shared_ptr<LiveEngine>(std::move(engine));
  }

  // Reserves the entry's bytes, unloading the least recently used of those that nobody uses until there is room.
  Result<void> make_room(Entry& entry, const MemoryNeed& need) {
    std::vector<std::shared_ptr<LiveEngine>> leaving;  // ended outside of the lock
    {
      const std::lock_guard lock(mutex_);
      while (reserved() + need.total() > options_.memory_bytes) {
        const auto oldest = least_recently_used();
        if (oldest == entries_.end() || need.total() > options_.memory_bytes) return no_room(entry, need);
        leaving.push_back(std::move(oldest->second->engine));
        entries_.erase(oldest);
      }
      entry.bytes = need.total();
    }
    for (const auto& engine : leaving) engine->unload();
    return {};
  }

  int64_t reserved() const {
    int64_t bytes = 0;
    for (const auto& [id, entry] : entries_) bytes += entry->bytes;
    return bytes;
  }

  std::map<std::string, std::shared_ptr<Entry>>::iterator least_recently_used() {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (!it->second->is_idle()) continue;
      if (oldest == entries_.end() ||
          it->second->engine->port().last_used.load() < oldest->second->engine->port().last_used.load()) {
        oldest = it;
      }
    }
    return oldest;
  }

  Error no_room(const Entry& entry, const MemoryNeed& need) const {
    std::string used;
    for (const auto& [id, other] : entries_) {
      if (other->bytes > 0)
        used += fmt::format("{}'{}' {}", used.empty() ? "; in use: " : ", ", id, megabytes(other->bytes));
    }
    return fail(ErrorCode::resource_exhausted, "memory_bytes",
                "'{}' needs {} bytes ({} of weights, {} of KV cache), {} of {} bytes are available{}", entry.status.id,
                need.total(), megabytes(need.weight_bytes), megabytes(need.kv_bytes),
                options_.memory_bytes - reserved(), options_.memory_bytes, used);
  }

  HostOptions options_;
  std::shared_ptr<EngineThread> thread_ = std::make_shared<EngineThread>();
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;  // shared with the load that is filling one
};

}  // namespace
}  // namespace engine

std::unique_ptr<Host> Host::create(const HostOptions& options) { return std::make_unique<engine::LiveHost>(options); }

}  // namespace mlxserving
