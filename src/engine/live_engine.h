// An Engine over a model on an engine thread: what Engine::load and a Host hand out.
#pragma once

#include <memory>
#include <string>

#include "engine/engine_thread.h"
#include "engine/guide.h"
#include "engine/prepare.h"
#include "engine/text_model.h"
#include "mlxserving/engine.h"

namespace mlxserving::engine {

class LiveEngine final : public Engine {
 public:
  // `thread` may be shared with other models. Errors: those of loading.
  static Result<std::unique_ptr<LiveEngine>> load(std::shared_ptr<EngineThread> thread, const std::string& model_dir,
                                                  const EngineOptions& options);
  ~LiveEngine() override { unload(); }

  Result<std::unique_ptr<Stream>> submit(GenerateRequest request) override;
  Result<std::unique_ptr<PendingEmbeddings>> submit_embedding(const EmbedRequest& request) override;
  Result<std::vector<int32_t>> tokenize(const std::string& text, bool add_special_tokens) const override;
  Result<std::string> detokenize(const std::vector<int32_t>& ids, bool keep_special_tokens) const override;
  Result<RenderedPrompt> render(const MessagesPrompt& prompt) const override;
  Health health() const override;
  Metrics metrics() const override;
  const ModelInfo& info() const override { return info_; }

  // Cancels what runs and frees the model's memory; what needs no model still works. Later calls do nothing.
  void unload() { thread_->unload(*port_); }

  // Tests arm its faults; a host asks when it was last used.
  Port& port() const { return *port_; }

 private:
  Result<void> check_open() const;
  Result<std::unique_ptr<Stream>> submit_prepared(Prepared prepared, std::shared_ptr<StreamState> state);

  LiveEngine(std::shared_ptr<EngineThread> thread, std::shared_ptr<Port> port, TextModel text, ModelInfo info);

  std::shared_ptr<EngineThread> thread_;  // shared by the models of a host; the last one ends it
  std::shared_ptr<Port> port_;            // shared with streams, which may outlive the engine and find it closed
  TextModel text_;                        // the loop's generations borrow it: unload() comes first
  ModelInfo info_;
  std::unique_ptr<grammar::Compiler> compiler_;  // reads text_
};

}  // namespace mlxserving::engine
