// Vectors on their way: each input is a request of its own, so that they share steps with everybody.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/prepare.h"
#include "engine/stream_state.h"
#include "mlxserving/engine.h"

namespace mlxserving::engine {

class EmbeddingRun final : public PendingEmbeddings {
 public:
  struct Input {
    std::shared_ptr<StreamState> state;  // shared with the loop, which writes the vector
    std::unique_ptr<Stream> stream;
  };
  // Hands an input to the engine. Called as long as the run is not over.
  using Start = std::function<Result<Input>(Prepared)>;

  // Starts the first inputs.
  static Result<std::unique_ptr<EmbeddingRun>> start(std::vector<Prepared> inputs, bool normalize, Start start);

  Result<Embeddings> wait() override;
  std::optional<Result<Embeddings>> try_take() override { return advance(false); }
  void on_ready(std::function<void()> ready) override;

 private:
  EmbeddingRun(std::vector<Prepared> inputs, bool normalize, Start start)
      : inputs_(std::move(inputs)), normalize_(normalize), start_(std::move(start)) {}

  Result<void> start_more();
  std::optional<Result<Embeddings>> advance(bool waits);
  Result<void> take(const Event& event);

  std::vector<Prepared> inputs_;
  size_t started_ = 0;
  bool normalize_;
  Start start_;
  std::function<void()> ready_;
  std::deque<Input> running_;  // in the order of the inputs
  Embeddings done_;
};

}  // namespace mlxserving::engine
