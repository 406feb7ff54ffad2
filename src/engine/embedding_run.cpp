#include "engine/embedding_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr size_t kInputsAtOnce = 64;  // of one run: a few steps' worth, the queue stays for others

// To length 1; zero stays zero.
void normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float x : vector) squares += double{x} * x;
  if (squares == 0) return;
  const double factor = 1 / std::sqrt(squares);
  for (float& x : vector) x = static_cast<float>(x * factor);
}

}  // namespace

Result<std::unique_ptr<EmbeddingRun>> EmbeddingRun::start(std::vector<Prepared> inputs, bool normalize, Start start) {
  std::unique_ptr<EmbeddingRun> run(new EmbeddingRun(std::move(inputs), normalize, std::move(start)));
  MLXS_CHECKED(run->start_more());
  return run;
}

void EmbeddingRun::on_ready(std::function<void()> ready) {
  ready_ = std::move(ready);
  for (const Input& input : running_) input.stream->on_ready(ready_);
}

Result<Embeddings> EmbeddingRun::wait() {
  auto result = advance(true);
  check(result.has_value(), "a stream closed without its last event");
  return std::move(*result);
}

Result<void> EmbeddingRun::start_more() {
  while (started_ < inputs_.size() && running_.size() < kInputsAtOnce) {
    Prepared& input = inputs_[started_++];
    done_.prompt_tokens += static_cast<int32_t>(input.ids.size());
    MLXS_TRY(Input running, start_(std::move(input)));
    if (ready_) running.stream->on_ready(ready_);
    running_.push_back(std::move(running));
  }
  return {};
}

// All of them once the last is there; nothing while the next is not, unless this waits for it.
std::optional<Result<Embeddings>> EmbeddingRun::advance(bool waits) {
  while (!running_.empty()) {
    Stream& next = *running_.front().stream;
    const std::optional<Event> event = waits ? next.next() : next.try_next();
    if (!event) return std::nullopt;
    if (auto taken = take(*event); !taken) return taken.error();
    if (auto started = start_more(); !started) return started.error();
  }
  if (normalize_) std::ranges::for_each(done_.vectors, normalize);
  return std::move(done_);
}

Result<void> EmbeddingRun::take(const Event& event) {
  if (const auto* failed = std::get_if<Failed>(&event)) return failed->error;
  const auto* finished = std::get_if<Finished>(&event);
  if (finished == nullptr) return {};
  if (finished->reason == FinishReason::cancelled) {
    return fail(ErrorCode::cancelled, "", "the request was cancelled: its model was unloaded or the engine ends");
  }
  done_.vectors.push_back(std::move(running_.front().state->embedding));
  running_.pop_front();
  return {};
}

}  // namespace mlxserving::engine
