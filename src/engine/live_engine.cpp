#include "engine/live_engine.h"

#include <future>
#include <utility>

#include "core/result.h"
#include "engine/generation.h"
#include "engine/prepare.h"

namespace mlxserving::engine {
namespace {

class LiveStream final : public Stream {
 public:
  LiveStream(std::shared_ptr<StreamState> state, std::shared_ptr<Port> port)
      : state_(std::move(state)), port_(std::move(port)) {
    ++port_->open_streams;
  }
  ~LiveStream() override {
    cancel();
    --port_->open_streams;
  }

  std::optional<Event> next() override {
    std::optional<Event> event = state_->events.pop();
    if (state_->paused && state_->events.room() > kStreamEventsMax / 2) wake();
    return event;
  }

  void cancel() override {
    if (!state_->cancelled.exchange(true)) wake();
  }

 private:
  // When the inbox is full the loop is awake anyway.
  void wake() {
    Command command = Wake{};
    port_->inbox.try_push(command);
  }

  std::shared_ptr<StreamState> state_;
  std::shared_ptr<Port> port_;
};

}  // namespace

// This thread reads the tokenizer while the engine thread reads the weights.
Result<std::unique_ptr<LiveEngine>> LiveEngine::load(std::shared_ptr<EngineThread> thread, const std::string& model_dir,
                                                     const EngineOptions& options) {
  auto port = std::make_shared<Port>(thread->bell());
  auto weights = std::async(std::launch::async, [&] { return thread->load(model_dir, options, port); });
  Result<TextModel> text = load_text_model(model_dir);
  MLXS_TRY(ModelInfo info, weights.get());
  if (!text) {
    thread->unload(*port);
    return text.error();
  }
  info.has_chat_template = text->chat_template.has_value();
  port->touch();
  return std::unique_ptr<LiveEngine>(
      new LiveEngine(std::move(thread), std::move(port), std::move(*text), std::move(info)));
}

LiveEngine::LiveEngine(std::shared_ptr<EngineThread> thread, std::shared_ptr<Port> port, TextModel text, ModelInfo info)
    : thread_(std::move(thread)), port_(std::move(port)), text_(std::move(text)), info_(std::move(info)) {}

Result<std::unique_ptr<Stream>> LiveEngine::submit(GenerateRequest request) {
  MLXS_TRY(Prepared prepared, prepare(request, text_, info_));
  auto state = std::make_shared<StreamState>();
  MLXS_TRY(auto generation, Generation::create(std::move(prepared), text_, state));
  Command command = Submit{std::move(generation)};
  port_->touch();
  if (!port_->inbox.try_push(command)) {
    if (port_->inbox.is_closed()) return fail(ErrorCode::not_found, "model", "the model '{}' was unloaded", info_.name);
    return fail(ErrorCode::resource_exhausted, "", "the engine's inbox holds at most {} commands and is full",
                kInboxMax);
  }
  return std::unique_ptr<Stream>(new LiveStream(std::move(state), port_));
}

Result<Embeddings> LiveEngine::embed(const EmbedRequest&) {
  return fail(ErrorCode::unsupported_model, "", "this version makes no embeddings");
}

Result<std::vector<int32_t>> LiveEngine::tokenize(const std::string& text, bool add_special_tokens) const {
  MLXS_TRY(const text::Encoding encoding, text_.tokenizer->encode(text, {.add_special_tokens = add_special_tokens}));
  return std::vector<int32_t>(encoding.ids.begin(), encoding.ids.end());
}

Result<std::string> LiveEngine::detokenize(const std::vector<int32_t>& ids, bool keep_special_tokens) const {
  MLXS_CHECKED(check_token_ids("tokens", ids, info_));
  const std::vector<text::TokenId> tokens(ids.begin(), ids.end());
  return text_.tokenizer->decode(tokens, {.skip_special_tokens = !keep_special_tokens});
}

Result<RenderedPrompt> LiveEngine::render(const MessagesPrompt& prompt) const { return render_chat(prompt, text_); }

}  // namespace mlxserving::engine

namespace mlxserving {

Result<std::unique_ptr<Engine>> Engine::load(const std::string& model_dir, const EngineOptions& options) {
  MLXS_TRY(auto engine, engine::LiveEngine::load(std::make_shared<engine::EngineThread>(), model_dir, options));
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace mlxserving
