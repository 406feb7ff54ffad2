// A host without models' weights: engines that echo, so that the server is tested apart from the engine.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "mlxserving/host.h"

namespace mlxserving::api::test {

// One token a character of the prompt, over and over, up to max_tokens. A prompt that begins with "wait" is told only
// when it is cancelled; one that begins with "fail" fails after its first token.
class EchoStream final : public Stream {
 public:
  EchoStream(std::string text, int32_t tokens) : text_(std::move(text)), left_(tokens) {}

  std::optional<Event> next() override {
    std::unique_lock lock(mutex_);
    if (is_over_) return std::nullopt;
    if (text_.starts_with("wait")) cancelled_changed_.wait(lock, [&] { return cancelled_; });
    return make();
  }
  std::optional<Event> try_next() override {
    const std::lock_guard lock(mutex_);
    if (is_over_ || (text_.starts_with("wait") && !cancelled_)) return std::nullopt;
    return make();
  }
  void on_ready(std::function<void()> ready) override {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
    if (ready_ && !is_over_) ready_();
  }

  void cancel() override {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    cancelled_changed_.notify_all();
    if (ready_) ready_();
  }

 private:
  Event make() {
    if (cancelled_) return end(FinishReason::cancelled);
    if (text_.starts_with("fail") && sent_ == 1) {
      is_over_ = true;
      return Failed{.error = {ErrorCode::internal, "it broke", ""}};
    }
    if (left_ == 0) return end(FinishReason::length);
    --left_;
    TextDelta delta;
    const char c = text_[static_cast<size_t>(sent_++) % text_.size()];
    delta.text = std::string(1, c);
    delta.token_id = c;
    return delta;
  }

  Event end(FinishReason reason) {
    is_over_ = true;
    Finished finished;
    finished.reason = reason;
    finished.usage.completion_tokens = sent_;
    finished.timings = {.queued_ms = 1, .first_token_ms = 2, .total_ms = 12};
    return finished;
  }

  std::mutex mutex_;
  std::condition_variable cancelled_changed_;
  std::function<void()> ready_;
  bool cancelled_ = false;
  bool is_over_ = false;
  std::string text_;
  int32_t left_;
  int32_t sent_ = 0;
};

class EchoEngine final : public Engine {
 public:
  Result<std::unique_ptr<Stream>> submit(GenerateRequest request) override {
    if (request.constraint.index() != 0) {
      return Error{ErrorCode::invalid_request, "constraint is not supported by this version", "constraint"};
    }
    std::string text = "ids";
    if (const auto* prompt = std::get_if<TextPrompt>(&request.prompt)) text = prompt->text;
    if (text.empty()) return Error{ErrorCode::invalid_request, "prompt must not be empty", "prompt"};
    if (text == "throw") throw std::runtime_error("a secret of ours");
    return std::unique_ptr<Stream>(new EchoStream(text, *request.sampling.max_tokens));
  }
  Result<std::unique_ptr<PendingEmbeddings>> submit_embedding(const EmbedRequest&) override {
    return Error{ErrorCode::invalid_request, "an echo has no vectors", "inputs"};
  }
  Result<std::vector<int32_t>> tokenize(const std::string& text, bool) const override {
    return std::vector<int32_t>(text.begin(), text.end());
  }
  Result<std::string> detokenize(const std::vector<int32_t>& ids, bool) const override {
    return std::string(ids.begin(), ids.end());
  }
  Result<RenderedPrompt> render(const MessagesPrompt&) const override { return RenderedPrompt{}; }
  Health health() const override { return {}; }
  Metrics metrics() const override { return {}; }
  const ModelInfo& info() const override { return info_; }

 private:
  static ModelInfo describe() {
    ModelInfo info;
    info.name = "echo";
    info.architecture = "echo";
    info.parameter_count = 1000;
    info.context_tokens_max = 4096;
    info.vocabulary_size = 256;
    return info;
  }

  ModelInfo info_ = describe();
};

// Knows every id that begins with "m"; a load of one that begins with "mslow" waits for release().
class EchoHost final : public Host {
 public:
  Result<std::shared_ptr<Engine>> load(const std::string& id, const std::string& directory,
                                       const EngineOptions&) override {
    std::unique_lock lock(mutex_);
    if (id.starts_with("mslow")) released_.wait(lock, [&] { return is_released_; });
    directories_[id] = directory;
    return engine_;
  }
  Result<std::shared_ptr<Engine>> get(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (!directories_.contains(id)) return Error{ErrorCode::not_found, "not loaded", "model"};
    return engine_;
  }
  Result<void> unload(const std::string& id) override {
    const std::lock_guard lock(mutex_);
    if (directories_.erase(id) == 0) return Error{ErrorCode::not_found, "not loaded", "model"};
    return {};
  }
  std::vector<ModelStatus> list() const override {
    const std::lock_guard lock(mutex_);
    std::vector<ModelStatus> out;
    for (const auto& [id, directory] : directories_) {
      ModelStatus& status = out.emplace_back();
      status.id = id;
      status.directory = directory;
      status.state = ModelState::ready;
    }
    return out;
  }
  const HostOptions& options() const override { return options_; }

  void release() {
    const std::lock_guard lock(mutex_);
    is_released_ = true;
    released_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable released_;
  bool is_released_ = false;
  std::map<std::string, std::string> directories_;
  std::shared_ptr<Engine> engine_ = std::make_shared<EchoEngine>();
  HostOptions options_;
};

}  // namespace mlxserving::api::test
