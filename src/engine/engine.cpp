#include "mlxserving/engine.h"

#include <utility>

#include "core/result.h"
#include "engine/generation.h"
#include "engine/model_thread.h"
#include "engine/prepare.h"
#include "engine/text_model.h"

namespace mlxserving {
namespace engine {
namespace {

class LiveStream final : public Stream {
 public:
  LiveStream(std::shared_ptr<StreamState> state, std::shared_ptr<Inbox> inbox)
      : state_(std::move(state)), inbox_(std::move(inbox)) {}
  ~LiveStream() override { cancel(); }

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
    inbox_->try_push(command);
  }

  std::shared_ptr<StreamState> state_;
  std::shared_ptr<Inbox> inbox_;
};

class LiveEngine final : public Engine {
 public:
  // The caller's thread reads the tokenizer while the model's thread reads the weights.
  static Result<std::unique_ptr<Engine>> load(const std::string& model_dir, const EngineOptions& options) {
    auto model = std::make_unique<ModelThread>(model_dir, options);
    Result<TextModel> text = load_text_model(model_dir);
    MLXS_TRY(ModelInfo info, model->loaded());
    if (!text) return text.error();
    info.has_chat_template = text->chat_template.has_value();
    return std::unique_ptr<Engine>(new LiveEngine(std::move(*text), std::move(info), std::move(model)));
  }

  Result<std::unique_ptr<Stream>> submit(GenerateRequest request) override {
    MLXS_TRY(Prepared prepared, prepare(request, text_, info_));
    auto state = std::make_shared<StreamState>();
    MLXS_TRY(auto generation, Generation::create(std::move(prepared), text_, state));
    Command command = Submit{std::move(generation)};
    if (!model_->inbox()->try_push(command)) {
      return fail(ErrorCode::resource_exhausted, "", "the engine's inbox holds at most {} commands and is full",
                  kInboxMax);
    }
    return std::unique_ptr<Stream>(new LiveStream(std::move(state), model_->inbox()));
  }

  Result<Embeddings> embed(const EmbedRequest&) override {
    return fail(ErrorCode::unsupported_model, "", "this version makes no embeddings");
  }

  Result<std::vector<int32_t>> tokenize(const std::string& text, bool add_special_tokens) const override {
    MLXS_TRY(const text::Encoding encoding, text_.tokenizer->encode(text, {.add_special_tokens = add_special_tokens}));
    return std::vector<int32_t>(encoding.ids.begin(), encoding.ids.end());
  }
  Result<std::string> detokenize(const std::vector<int32_t>& ids, bool keep_special_tokens) const override {
    MLXS_CHECKED(check_token_ids("tokens", ids, info_));
    const std::vector<text::TokenId> tokens(ids.begin(), ids.end());
    return text_.tokenizer->decode(tokens, {.skip_special_tokens = !keep_special_tokens});
  }
  Result<RenderedPrompt> render(const MessagesPrompt& prompt) const override { return render_chat(prompt, text_); }

  Health health() const override { return {}; }
  Metrics metrics() const override { return {}; }

  const ModelInfo& info() const override { return info_; }

 private:
  LiveEngine(TextModel text, ModelInfo info, std::unique_ptr<ModelThread> model)
      : text_(std::move(text)), info_(std::move(info)), model_(std::move(model)) {}

  TextModel text_;
  ModelInfo info_;
  std::unique_ptr<ModelThread> model_;  // last: its generations borrow text_
};

}  // namespace
}  // namespace engine

Result<std::unique_ptr<Engine>> Engine::load(const std::string& model_dir, const EngineOptions& options) {
  return engine::LiveEngine::load(model_dir, options);
}

}  // namespace mlxserving
