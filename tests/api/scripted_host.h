// A Host whose one model says what the last message asks for, without computing: for tests of what stands before the
// engine, and to measure it.
//   say TEXT           TEXT, a token a word
//   count N            N tokens
//   forever            tokens without an end
//   call NAME JSON     a call of a tool, as Hermes writes it
//   think A | B        reasoning A, answer B
//   fail               the stream fails
// A last message of a tool is answered with "The tool said: ..." and its content.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/bounded_queue.h"
#include "core/json.h"
#include "core/result.h"
#include "mlxserving/host.h"

namespace mlxserving::test {

struct ScriptedOptions {
  double token_ms = 0;    // between two tokens of a stream
  double prefill_ms = 0;  // before the first
  std::string tool_dialect = "hermes";
  bool thinks = true;
};

struct ScriptedState {
  BoundedQueue<Event> events{256};
  std::atomic<bool> cancelled = false;
};

class ScriptedStream final : public Stream {
 public:
  ScriptedStream(std::shared_ptr<ScriptedState> state, std::shared_ptr<std::atomic<int64_t>> open)
      : state_(std::move(state)), open_(std::move(open)) {
    ++*open_;
  }
  ~ScriptedStream() override {
    state_->events.listen({});
    cancel();
    --*open_;
  }
  std::optional<Event> next() override { return state_->events.pop(); }
  std::optional<Event> try_next() override { return state_->events.try_pop(); }
  void on_ready(std::function<void()> ready) override { state_->events.listen(std::move(ready)); }
  void cancel() override { state_->cancelled = true; }

 private:
  std::shared_ptr<ScriptedState> state_;        // shared with the engine's thread
  std::shared_ptr<std::atomic<int64_t>> open_;  // shared with the engine, which may end first
};

// A vector an input, at once; or never.
class ScriptedEmbeddings final : public PendingEmbeddings {
 public:
  ScriptedEmbeddings(size_t inputs, bool never, std::shared_ptr<std::atomic<int64_t>> open)
      : inputs_(inputs), never_(never), open_(std::move(open)) {
    ++*open_;
  }
  ~ScriptedEmbeddings() override { --*open_; }
  Result<Embeddings> wait() override { return *try_take(); }
  std::optional<Result<Embeddings>> try_take() override {
    if (never_) return std::nullopt;
    Embeddings out;
    for (size_t i = 0; i < inputs_; ++i) out.vectors.push_back({0.5F, static_cast<float>(i)});
    out.prompt_tokens = static_cast<int32_t>(inputs_);
    return out;
  }
  void on_ready(std::function<void()> ready) override {
    if (ready && !never_) ready();
  }

 private:
  size_t inputs_;
  bool never_;
  std::shared_ptr<std::atomic<int64_t>> open_;  // shared with the engine, which may end first
};

class ScriptedEngine final : public Engine {
 public:
  using Clock = std::chrono::steady_clock;

  ScriptedEngine(std::string name, const ScriptedOptions& options) : options_(options) {
    info_.name = std::move(name);
    info_.architecture = "scripted";
    info_.context_tokens_max = 1 << 20;
    info_.vocabulary_size = 256;
    info_.has_chat_template = true;
    info_.tool_dialect = options.tool_dialect;
    info_.thinks = options.thinks;
    thread_ = std::thread([this] { run(); });
  }
  ~ScriptedEngine() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      bell_.notify_all();
    }
    thread_.join();
  }

  int64_t open_streams() const { return *open_; }
  int64_t live() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int64_t>(jobs_.size());
  }

  Result<std::unique_ptr<Stream>> submit(GenerateRequest request) override {
    std::string script;
    if (const auto* text = std::get_if<TextPrompt>(&request.prompt)) script = text->text;
    if (const auto* tokens = std::get_if<TokenPrompt>(&request.prompt)) script = script_of(tokens->ids);
    if (request.constraint.index() != 0) {
      return fail(ErrorCode::invalid_request, "constraint", "constraint is not supported by this version");
    }
    Job job = make_job(script, request);
    auto stream = std::make_unique<ScriptedStream>(job.state, open_);
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ++metrics_.requests_submitted;
    bell_.notify_all();
    return std::unique_ptr<Stream>(std::move(stream));
  }

  Result<std::unique_ptr<PendingEmbeddings>> submit_embedding(const EmbedRequest& request) override {
    const auto* first = request.inputs.empty() ? nullptr : std::get_if<TextPrompt>(&request.inputs[0]);
    if (first != nullptr && first->text == "fail")
      return fail(ErrorCode::invalid_request, "inputs[0]", "it was asked to fail");
    return std::unique_ptr<PendingEmbeddings>(
        new ScriptedEmbeddings(request.inputs.size(), first != nullptr && first->text == "forever", open_));
  }
  Result<std::vector<int32_t>> tokenize(const std::string& text, bool) const override {
    std::vector<int32_t> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  Result<std::string> detokenize(const std::vector<int32_t>& ids, bool) const override {
    std::string text;
    for (const int32_t id : ids) {
      if (id < 0 || id > 255)
        return fail(ErrorCode::invalid_request, "tokens", "tokens must be in [0, 256), got {}", id);
      text += static_cast<char>(id);
    }
    return text;
  }
  Result<RenderedPrompt> render(const MessagesPrompt& prompt) const override {
    MLXS_TRY(const Json messages, parse_json(prompt.json, "messages"));
    const Json& last = messages.back();
    const std::string content = last.contains("content") && last["content"].is_string() ? last["content"] : "";
    const std::string script = last.value("role", "") == "tool" ? "say The tool said: " + content : content;
    RenderedPrompt rendered{.text = script, .ids = {}};
    const std::lock_guard lock(mutex_);
    const auto key = static_cast<int32_t>(++scripts_made_);
    scripts_[key] = script;
    if (scripts_.size() > 4096) scripts_.erase(scripts_.begin());
    rendered.ids = {key, 1, 2};
    return rendered;
  }

  Health health() const override { return {}; }
  Metrics metrics() const override {
    const std::lock_guard lock(mutex_);
    Metrics metrics = metrics_;
    metrics.running = jobs_.size();
    metrics.request_ms.bounds = {10, 100};
    metrics.request_ms.counts = {0, 0, 0};
    return metrics;
  }
  const ModelInfo& info() const override { return info_; }

 private:
  struct Job {
    std::shared_ptr<ScriptedState> state;
    std::vector<std::string> words;
    size_t next = 0;
    size_t count = 0;
    int32_t answers = 1;
    int32_t prompt_tokens = 3;
    bool fails = false;
    bool logprobs = false;
    FinishReason reason = FinishReason::stop;
    Clock::time_point begun = Clock::now();
    Clock::time_point due;
  };

  static std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    for (const char c : text) {
      if (words.empty() || c == ' ') words.emplace_back();
      words.back() += c;
    }
    return words;
  }

  Job make_job(const std::string& script, const GenerateRequest& request) const {
    const size_t space = script.find(' ');
    const std::string verb = script.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : script.substr(space + 1);
    Job job{.state = std::make_shared<ScriptedState>(), .words = {}, .due = {}};
    if (verb == "count" || verb == "forever") {
      job.words = {" tok"};
      job.count = verb == "count" ? std::stoul("0" + rest) : size_t{1} << 40;
    } else {
      job.words = words_of(text_of(verb, rest, script));
      job.count = job.words.size();
    }
    job.fails = verb == "fail";
    job.answers = request.answers;
    job.logprobs = request.sampling.logprobs;
    if (request.sampling.max_tokens && static_cast<size_t>(*request.sampling.max_tokens) < job.count) {
      job.count = static_cast<size_t>(*request.sampling.max_tokens);
      job.reason = FinishReason::length;
    }
    job.due = job.begun + milliseconds(options_.prefill_ms);
    return job;
  }

  static std::string text_of(const std::string& verb, const std::string& rest, const std::string& script) {
    if (verb == "say") return rest;
    if (verb == "think") {
      const size_t bar = rest.find('|');
      return "<think>" + rest.substr(0, bar) + "</think>" + (bar == std::string::npos ? "" : rest.substr(bar + 1));
    }
    if (verb != "call") return script;
    const size_t space = rest.find(' ');
    return "<tool_call>\n{\"name\": \"" + rest.substr(0, space) + "\", \"arguments\": " + rest.substr(space + 1) +
           "}\n</tool_call>";
  }

  static Clock::duration milliseconds(double ms) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(ms));
  }

  std::string script_of(const std::vector<int32_t>& ids) const {
    const std::lock_guard lock(mutex_);
    const auto found = ids.empty() ? scripts_.end() : scripts_.find(ids.front());
    return found == scripts_.end() ? "" : found->second;
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const auto now = Clock::now();
      bool any = false;
      for (auto it = jobs_.begin(); it != jobs_.end();) {
        bool over = false;
        for (int i = 0; i < 32 && !over; ++i) {
          if (it->state->cancelled) {
            end(*it, FinishReason::cancelled);
            over = true;
          } else if (it->due > now || it->state->events.room() < 1 + static_cast<size_t>(it->answers)) {
            break;
          } else {
            any = true;
            over = step(*it, now);
          }
        }
        it = over ? jobs_.erase(it) : std::next(it);
      }
      if (!any) bell_.wait_for(lock, std::chrono::milliseconds(jobs_.empty() ? 100 : 1));
    }
    for (Job& job : jobs_) end(job, FinishReason::cancelled);
  }

  bool step(Job& job, Clock::time_point now) {
    if (job.fails) {
      Event event = Failed{.answer = 0, .error = {ErrorCode::internal, "it was asked to fail", ""}};
      job.state->events.try_push(event);
      job.state->events.close();
      return true;
    }
    if (job.next == job.count) {
      end(job, job.reason);
      return true;
    }
    const std::string& word = job.words[job.next % job.words.size()];
    for (int32_t answer = 0; answer < job.answers; ++answer) {
      TextDelta delta{.answer = answer, .text = word, .token_id = 7, .logprob = {}, .top_logprobs = {}, .gap = {}};
      if (job.logprobs) delta.logprob = TokenLogprob{.token_id = 7, .bytes = word, .logprob = -0.5F};
      Event event = std::move(delta);
      job.state->events.try_push(event);
    }
    ++job.next;
    ++metrics_.completion_tokens;
    job.due = options_.token_ms > 0 ? now + milliseconds(options_.token_ms) : now;
    return false;
  }

  void end(Job& job, FinishReason reason) {
    for (int32_t answer = 0; answer < job.answers; ++answer) {
      Finished finished{.answer = answer, .reason = reason, .text = {}, .usage = {}, .timings = {}};
      finished.usage = {
          .prompt_tokens = job.prompt_tokens, .cached_tokens = 1, .completion_tokens = static_cast<int32_t>(job.next)};
      finished.timings.total_ms = std::chrono::duration<double, std::milli>(Clock::now() - job.begun).count();
      Event event = std::move(finished);
      job.state->events.try_push(event);
    }
    job.state->events.close();
    ++(reason == FinishReason::cancelled ? metrics_.requests_cancelled : metrics_.requests_finished);
  }

  ScriptedOptions options_;
  ModelInfo info_;
  std::shared_ptr<std::atomic<int64_t>> open_ = std::make_shared<std::atomic<int64_t>>(0);
  mutable std::mutex mutex_;
  std::condition_variable bell_;
  std::list<Job> jobs_;
  mutable std::map<int32_t, std::string> scripts_;
  mutable uint64_t scripts_made_ = 0;
  Metrics metrics_;
  bool stopping_ = false;
  std::thread thread_;
};

class ScriptedHost final : public Host {
 public:
  explicit ScriptedHost(const ScriptedOptions& options = {}) : scripted_(options) {}

  Result<std::shared_ptr<Engine>> load(const std::string& id, const std::string& directory,
                                       const EngineOptions& options) override {
    if (options.progress) options.progress(0.5, "weights");
    if (directory == "broken") return fail(ErrorCode::invalid_model, "config.json", "config.json is broken");
    const std::lock_guard lock(mutex_);
    auto& engine = engines_[id];
    if (!engine) engine = std::make_shared<ScriptedEngine>(id, scripted_);
    return std::shared_ptr<Engine>(engine);
  }
  Result<std::shared_ptr<Engine>> get(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    const auto found = engines_.find(id);
    if (found == engines_.end()) return fail(ErrorCode::not_found, "model", "{} is not loaded", id);
    return std::shared_ptr<Engine>(found->second);
  }
  Result<void> unload(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (engines_.erase(id) == 0) return fail(ErrorCode::not_found, "model", "{} is not loaded", id);
    return {};
  }
  std::vector<ModelStatus> list() const override {
    std::vector<ModelStatus> all;
    const std::lock_guard lock(mutex_);
    for (const auto& [id, engine] : engines_) {
      ModelStatus status;
      status.id = id;
      status.state = ModelState::ready;
      status.progress = 1;
      status.loaded_at = 1;
      all.push_back(status);
    }
    return all;
  }
  const HostOptions& options() const override { return options_; }

  ScriptedEngine& engine(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return *engines_.at(id);
  }

 private:
  ScriptedOptions scripted_;
  HostOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<ScriptedEngine>> engines_;  // shared with those who use one
};

}  // namespace mlxserving::test
