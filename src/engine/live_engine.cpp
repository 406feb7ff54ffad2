#include "engine/live_engine.h"

#include <chrono>
#include <future>
#include <utility>

#include "core/result.h"
#include "engine/active_request.h"
#include "engine/embedding_run.h"
#include "engine/prepare.h"
#include "engine/read_ahead.h"
#include "text/dialects/dialects.h"

namespace mlxserving::engine {
namespace {

constexpr std::chrono::seconds kFailedLately{30};

class LiveStream final : public Stream {
 public:
  LiveStream(std::shared_ptr<StreamState> state, std::shared_ptr<Port> port)
      : state_(std::move(state)), port_(std::move(port)) {
    port_->streams.add(state_);
  }
  ~LiveStream() override {
    state_->events.listen({});
    cancel();
    port_->streams.remove(state_);
  }

  std::optional<Event> next() override {
    std::optional<Event> event = state_->events.pop();
    wake_if_drained();
    return event;
  }

  std::optional<Event> try_next() override {
    std::optional<Event> event = state_->events.try_pop();
    wake_if_drained();
    return event;
  }

  void on_ready(std::function<void()> ready) override { state_->events.listen(std::move(ready)); }

  void cancel() override {
    if (!state_->cancelled.exchange(true)) wake();
  }

 private:
  void wake_if_drained() {
    if (state_->paused && state_->events.room() > kStreamEventsMax / 2) wake();
  }

  // When the inbox is full the loop is awake anyway.
  void wake() {
    Command command = Wake{};
    port_->inbox.try_push(command);
  }

  std::shared_ptr<StreamState> state_;
  std::shared_ptr<Port> port_;
};

void describe_template(const std::optional<text::ChatTemplate>& chat_template, ModelInfo& info) {
  info.has_chat_template = chat_template.has_value();
  if (!chat_template) return;
  const std::string sources = chat_template->sources();
  if (const text::Dialect* dialect = text::detect_dialect(sources)) info.tool_dialect = dialect->name;
  info.thinks = text::has_think_tags(sources);
}

}  // namespace

// This thread reads the tokenizer while others bring the weights into memory and into the model.
Result<std::unique_ptr<LiveEngine>> LiveEngine::load(std::shared_ptr<EngineThread> thread, const std::string& model_dir,
                                                     const EngineOptions& options) {
  auto port = std::make_shared<Port>(thread->bell());
  auto weights = std::async(std::launch::async, [&] {
    read_ahead(model_dir, [&](double fraction) {
      if (options.progress) options.progress(fraction / 2, "reading");
    });
    return thread->load(model_dir, options, port);
  });
  Result<TextModel> text = load_text_model(model_dir);
  MLXS_TRY(ModelInfo info, weights.get());
  if (!text) {
    thread->unload(*port);
    return text.error();
  }
  describe_template(text->chat_template, info);
  port->last_used = Port::Clock::now();
  return std::unique_ptr<LiveEngine>(
      new LiveEngine(std::move(thread), std::move(port), std::move(*text), std::move(info)));
}

LiveEngine::LiveEngine(std::shared_ptr<EngineThread> thread, std::shared_ptr<Port> port, TextModel text, ModelInfo info)
    : thread_(std::move(thread)),
      port_(std::move(port)),
      text_(std::move(text)),
      info_(std::move(info)),
      compiler_(make_compiler(text_, info_.vocabulary_size)) {}

// What ends every stream ends before it begins, too.
Result<void> LiveEngine::check_open() const {
  const Pulse::Sign sign = thread_->sign();
  if (sign.dead) return thread_died();
  if (port_->inbox.is_closed()) {
    return fail(ErrorCode::not_found, "model", "the model '{}' was unloaded", info_.name);
  }
  if (thread_->is_hanging()) return step_hangs(sign);
  const auto wait = port_->refuses_until.load() - Port::Clock::now();
  if (wait > Port::Clock::duration::zero()) {
    return fail(ErrorCode::internal, "", "{} takes no requests for another {:.1f} s: {}", info_.name,
                std::chrono::duration<double>(wait).count(), port_->board.read().trouble);
  }
  return {};
}

Result<std::unique_ptr<Stream>> LiveEngine::submit(GenerateRequest request) {
  auto stream = [&]() -> Result<std::unique_ptr<Stream>> {
    MLXS_CHECKED(check_open());
    MLXS_TRY(Prepared prepared, prepare(request, text_, info_, *compiler_));
    auto state = std::make_shared<StreamState>(prepared.answers);
    return submit_prepared(std::move(prepared), std::move(state));
  }();
  if (!stream) ++port_->rejected;
  return stream;
}

Result<std::unique_ptr<Stream>> LiveEngine::submit_prepared(Prepared prepared, std::shared_ptr<StreamState> state) {
  MLXS_TRY(auto request, ActiveRequest::create(std::move(prepared), text_, state));
  Command command = Submit{std::move(request)};
  auto stream = std::make_unique<LiveStream>(std::move(state), port_);
  port_->last_used = Port::Clock::now();
  if (!port_->inbox.try_push(command)) {
    MLXS_CHECKED(check_open());
    return fail(ErrorCode::resource_exhausted, "", "the engine's inbox holds at most {} commands and is full",
                kInboxMax);
  }
  return std::unique_ptr<Stream>(std::move(stream));
}

Result<std::unique_ptr<PendingEmbeddings>> LiveEngine::submit_embedding(const EmbedRequest& request) {
  MLXS_CHECKED(check_open());
  if (request.inputs.empty()) return fail(ErrorCode::invalid_request, "inputs", "inputs must hold at least one text");
  std::vector<Prepared> inputs(request.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    MLXS_TRY(inputs[i], prepare_embedding(request, i, text_, info_));
  }
  const auto start = [this](Prepared input) -> Result<EmbeddingRun::Input> {
    auto state = std::make_shared<StreamState>();
    MLXS_TRY(auto stream, submit_prepared(std::move(input), state));
    return EmbeddingRun::Input{std::move(state), std::move(stream)};
  };
  MLXS_TRY(auto run, EmbeddingRun::start(std::move(inputs), request.normalize, start));
  return std::unique_ptr<PendingEmbeddings>(std::move(run));
}

Health LiveEngine::health() const {
  const Pulse::Sign sign = thread_->sign();
  Health health{.state = HealthState::ready,
                .reason = {},
                .last_step_age_ms = std::chrono::duration<double, std::milli>(sign.age).count()};
  const auto is = [&](HealthState state, std::string reason) {
    health.state = state;
    health.reason = std::move(reason);
    return health;
  };
  if (sign.dead) return is(HealthState::dead, thread_died().message);
  if (port_->inbox.is_closed()) return is(HealthState::dead, "the model was unloaded");
  if (thread_->is_hanging()) return is(HealthState::stuck, step_hangs(sign).message);
  const Report report = port_->board.read();
  if (!report.trouble.empty()) return is(HealthState::degraded, report.trouble);
  if (report.failed_at && Port::Clock::now() - *report.failed_at < kFailedLately) {
    return is(HealthState::degraded, fmt::format("a step failed lately: {}", report.failure));
  }
  return health;
}

Metrics LiveEngine::metrics() const {
  Metrics metrics = port_->board.read().metrics;
  const uint64_t rejected = port_->rejected;
  metrics.requests_submitted += rejected;
  metrics.requests_rejected += rejected;
  metrics.queue_depth += port_->inbox.size();
  return metrics;
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

Result<Embeddings> Engine::embed(const EmbedRequest& request) {
  MLXS_TRY(const auto pending, submit_embedding(request));
  return pending->wait();
}

}  // namespace mlxserving
