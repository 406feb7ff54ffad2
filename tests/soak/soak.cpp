// Hours of users in minutes: several models in one host, with prompts cached in memory and in files, requests that
// arrive at random, of every priority, some cancelled, some dropped, some read slowly. Nothing may be lost, each answer
// must equal what its request gets when it is alone, and memory must not grow. Prints a verdict; exit code 1 if it is
// not clean.
//   soak --seconds 600 --model build/models/SmolLM2-135M-Instruct
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"
#include "mlxserving/host.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::mt19937;

int pick(Random& random, int min, int max) { return std::uniform_int_distribution<int>(min, max)(random); }
bool chance(Random& random, double share) { return std::bernoulli_distribution(share)(random); }

struct Settings {
  int seconds = 60;
  int clients = 24;
  uint32_t seed = std::random_device{}();
  std::vector<std::string> models;
  bool json = false;
};

// A request and the tokens it gets when nobody else is there.
struct Case {
  GenerateRequest request;
  std::vector<int32_t> expected;
};

struct Model {
  std::string id;
  std::shared_ptr<Engine> engine;
  std::vector<Case> cases;
};

struct Counts {
  std::atomic<uint64_t> submitted = 0, finished = 0, cancelled = 0, dropped = 0, slow = 0, tokens = 0;
  std::atomic<uint64_t> refused = 0;  // by a full queue: the caller is told, nothing is lost
  std::atomic<uint64_t> lost = 0;     // ended without its last event, or failed
  std::atomic<uint64_t> mixed = 0;    // not the tokens it gets alone
  std::mutex mutex;
  std::string first_fault;

  void fault(std::atomic<uint64_t>& counter, const std::string& what) {
    ++counter;
    const std::lock_guard lock(mutex);
    if (first_fault.empty()) first_fault = what;
  }
};

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

GenerateRequest random_request(Random& random, const ModelInfo& info, bool tiny) {
  std::vector<int32_t> ids(static_cast<size_t>(chance(random, 0.2) ? pick(random, 200, 600) : pick(random, 1, 60)));
  for (int32_t& id : ids) id = pick(random, 0, std::min(info.vocabulary_size, 256) - 1);
  GenerateRequest request{.prompt = TokenPrompt{ids}};
  request.sampling.max_tokens = tiny ? pick(random, 1, 600) : pick(random, 1, 40);
  request.sampling.ignore_eos = chance(random, 0.7);
  request.sampling.temperature = chance(random, 0.5) ? 0 : 1;
  request.sampling.top_k = chance(random, 0.5) ? 0 : 40;
  request.sampling.repetition_penalty = chance(random, 0.7) ? 1 : 1.2;
  request.sampling.logprobs = chance(random, 0.2);
  request.sampling.seed = pick(random, 0, 1'000'000);
  request.priority = static_cast<Priority>(pick(random, 0, 2));
  return request;
}

// Reads to the end; none if the stream ended without Finished.
std::optional<FinishReason> read(Stream& stream, std::vector<int32_t>& ids, const auto& after_token) {
  while (auto event = stream.next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) {
      ids.push_back(delta->token_id);
      after_token();
    }
    if (const auto* finished = std::get_if<Finished>(&*event)) return finished->reason;
  }
  return std::nullopt;
}

bool is_prefix(const std::vector<int32_t>& ids, const std::vector<int32_t>& of) {
  return ids.size() <= of.size() && std::equal(ids.begin(), ids.end(), of.begin());
}

class Soak {
 public:
  explicit Soak(const Settings& settings) : settings_(settings), host_(Host::create()) {}
  ~Soak() {
    models_.clear();
    host_.reset();  // it writes to the last
    std::filesystem::remove_all(files_);
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  bool prepare() {
    Random random(settings_.seed);
    for (size_t i = 0; i < settings_.models.size(); ++i) {
      if (!add(fmt::format("model-{}", i), settings_.models[i], false, random)) return false;
    }
    return add("tiny", tiny_.dir(), true, random) && add("tiny-sliding", sliding_.dir(), true, random);
  }

  // True if the verdict is clean.
  bool run() {
    const auto end = Clock::now() + std::chrono::seconds(settings_.seconds);
    std::vector<std::jthread> clients;
    for (int i = 0; i < settings_.clients; ++i) {
      clients.emplace_back([this, i, end] { client(Random(settings_.seed + 1000 + static_cast<uint32_t>(i)), end); });
    }
    watch(end);
    wait_for_clients();
    return report();
  }

 private:
  static constexpr int kCases = 24;

  bool add(const std::string& id, const std::string& directory, bool tiny, Random& random) {
    EngineOptions options;
    options.kv_bytes = tiny ? 2'000'000 : 60'000'000;  // short: requests wait for pages, and all are soon touched
    options.prefix_cache_dir = (files_ / id).string();
    options.prefix_cache_bytes = tiny ? 200'000 : 100'000'000;  // of the tiny ones files come and go all the time
    auto engine = host_->load(id, directory, options);
    if (!engine) {
      fmt::print(stderr, "soak: {}\n", engine.error().message);
      return false;
    }
    Model model{.id = id, .engine = *engine, .cases = {}};
    for (int i = 0; i < kCases; ++i) {
      Case one{.request = random_request(random, model.engine->info(), tiny), .expected = {}};
      auto stream = model.engine->submit(one.request);
      if (!stream || !read(**stream, one.expected, [] {})) {
        fmt::print(stderr, "soak: case {} of {} fails alone\n", i, id);
        return false;
      }
      model.cases.push_back(std::move(one));
    }
    models_.push_back(std::move(model));
    return true;
  }

  void client(Random random, Clock::time_point end) {
    while (Clock::now() < end) {
      std::this_thread::sleep_for(
          std::chrono::microseconds(static_cast<int64_t>(std::exponential_distribution<double>(1.0 / 20'000)(random))));
      one_request(random);
    }
    ++clients_done_;
  }

  void one_request(Random& random) {
    const Model& model = models_[static_cast<size_t>(pick(random, 0, static_cast<int>(models_.size()) - 1))];
    const Case& one = model.cases[static_cast<size_t>(pick(random, 0, kCases - 1))];
    auto submitted = model.engine->submit(one.request);
    ++counts_.submitted;
    if (!submitted) {
      ++counts_.refused;
      if (submitted.error().code != ErrorCode::resource_exhausted) {
        counts_.fault(counts_.lost, submitted.error().message);
      }
      return;
    }
    const std::unique_ptr<Stream> stream = std::move(*submitted);
    if (chance(random, 0.05)) {
      ++counts_.dropped;
      return;
    }
    const bool cancels = chance(random, 0.15);
    const bool slow = chance(random, 0.1);
    const int at = pick(random, 0, 30);
    if (cancels && at == 0) stream->cancel();
    if (slow) {
      ++counts_.slow;
      std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 0, 800)));
    }
    std::vector<int32_t> ids;
    const auto reason = read(*stream, ids, [&] {
      ++counts_.tokens;
      if (cancels && static_cast<int>(ids.size()) == at) stream->cancel();
      if (slow && chance(random, 0.02)) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
    judge(model, one, ids, reason, cancels);
  }

  void judge(const Model& model, const Case& one, const std::vector<int32_t>& ids, std::optional<FinishReason> reason,
             bool cancelled) {
    if (!reason || (*reason == FinishReason::cancelled && !cancelled)) {
      return counts_.fault(counts_.lost,
                           fmt::format("{}: ended after {} tokens without its end", model.id, ids.size()));
    }
    const bool is_whole = *reason != FinishReason::cancelled;
    if (!is_prefix(ids, one.expected) || (is_whole && ids.size() != one.expected.size())) {
      return counts_.fault(counts_.mixed, fmt::format("{}: {} tokens that differ from the {} it gets alone", model.id,
                                                      ids.size(), one.expected.size()));
    }
    ++(is_whole ? counts_.finished : counts_.cancelled);
  }

  // Memory from the first tenth, when every buffer has been used, to the end.
  void watch(Clock::time_point end) {
    const auto begin = Clock::now();
    const auto settled = begin + (end - begin) / 5;
    while (Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const int64_t bytes = resident_bytes();
      (Clock::now() < settled ? early_bytes_ : late_bytes_) =
          std::max(Clock::now() < settled ? early_bytes_ : late_bytes_, bytes);
      for (const Model& model : models_) {
        if (model.engine->health().state != HealthState::ready) {
          counts_.fault(counts_.lost, model.id + ": " + model.engine->health().reason);
        }
      }
    }
  }

  // Answers that were asked for are still read to their end.
  void wait_for_clients() {
    const auto end = Clock::now() + std::chrono::seconds(120);
    while (clients_done_ < settings_.clients && Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (clients_done_ == settings_.clients) return;
    fmt::print("VERDICT lost: {} clients still wait for an event\n", settings_.clients - clients_done_);
    std::fflush(stdout);
    std::_Exit(1);
  }

  bool report() {
    const int64_t growth = late_bytes_ - early_bytes_;
    const bool is_flat = growth <= early_bytes_ / 50 + (int64_t{8} << 20);
    uint64_t pages_held = 0;
    uint64_t cached_prompt_tokens = 0;
    for (const Model& model : models_) {
      pages_held += leaked_pages(*model.engine);
      cached_prompt_tokens += model.engine->metrics().cached_prompt_tokens;
    }
    const bool clean = counts_.lost == 0 && counts_.mixed == 0 && is_flat && pages_held == 0 && counts_.finished > 0;
    const Json json = {{"seconds", settings_.seconds},
                       {"seed", settings_.seed},
                       {"models", models_.size()},
                       {"submitted", counts_.submitted.load()},
                       {"finished", counts_.finished.load()},
                       {"cancelled", counts_.cancelled.load()},
                       {"dropped", counts_.dropped.load()},
                       {"slow", counts_.slow.load()},
                       {"refused", counts_.refused.load()},
                       {"tokens", counts_.tokens.load()},
                       {"cached_prompt_tokens", cached_prompt_tokens},
                       {"lost", counts_.lost.load()},
                       {"mixed", counts_.mixed.load()},
                       {"resident_bytes", early_bytes_},
                       {"resident_growth_bytes", growth},
                       {"pages_held", pages_held},
                       {"clean", clean}};
    if (settings_.json) {
      fmt::print("{}\n", to_text(json));
    } else {
      for (const auto& [key, value] : json.items()) fmt::print("{:22} {}\n", key, to_text(value));
    }
    if (!counts_.first_fault.empty()) fmt::print("first fault: {}\n", counts_.first_fault);
    fmt::print("VERDICT {}: {} lost, {} mixed, memory {}\n", clean ? "clean" : "NOT CLEAN", counts_.lost.load(),
               counts_.mixed.load(), is_flat ? "flat" : "grew");
    return clean;
  }

  // Pages that nobody runs with and that no cache keeps, once everything has ended.
  static uint64_t leaked_pages(const Engine& engine) {
    Metrics m;
    for (int i = 0; i < 400; ++i) {
      m = engine.metrics();
      if (m.running == 0 && m.queue_depth == 0 && m.pages_free + m.pages_cached == m.pages_total) return 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return m.pages_total - m.pages_free - m.pages_cached;
  }

  Settings settings_;
  std::filesystem::path files_ =
      std::filesystem::temp_directory_path() / fmt::format("mlxs-soak-{}", ::getpid());  // of prefixes
  test::TinyModel tiny_;
  test::TinyModel sliding_{{.sliding_window = 48, .seed = 9}};
  std::unique_ptr<Host> host_;
  std::vector<Model> models_;
  Counts counts_;
  std::atomic<int> clients_done_ = 0;
  int64_t early_bytes_ = 0;
  int64_t late_bytes_ = 0;
};

}  // namespace
}  // namespace mlxserving

int main(int argc, char** argv) {
  mlxserving::Settings settings;
  CLI::App app{"Many users of several models at once: nothing lost, nothing mixed, memory flat."};
  app.add_option("--seconds", settings.seconds, "How long requests keep coming.")->check(CLI::Range(1, 86'400));
  app.add_option("--clients", settings.clients, "Users at once.")->check(CLI::Range(1, 1024));
  app.add_option("--seed", settings.seed, "Of all that is random; printed, so that a run can be repeated.");
  app.add_option("--model", settings.models, "Model directories besides the two tiny ones it makes.");
  app.add_flag("--json", settings.json, "Print one JSON object.");
  CLI11_PARSE(app, argc, argv);
  mlxserving::Soak soak(settings);
  return soak.prepare() && soak.run() ? 0 : 1;
}
