// The C++ API: load a model, submit requests, read their events.
//
//   auto engine = mlxserving::Engine::load("path/to/model");
//   auto stream = (*engine)->submit({.prompt = "The capital of France is"});
//   while (auto event = (*stream)->next()) ...
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "mlxserving/error.h"
#include "mlxserving/event.h"
#include "mlxserving/request.h"

namespace mlxserving {

// How numbers are computed on a CPU.
enum class Numerics {
  f32,       // every product in 32-bit floats: to compare with a reference
  standard,  // activations in 15 bits where they meet quantised weights: 5e-5 relative error, nearly as fast as `fast`
  fast,      // activations in 8 bits: what most CPU engines do
};

struct EngineOptions {
  Numerics numerics = Numerics::standard;
  int threads = 0;                 // 0: one a core this process may use
  int32_t context_tokens_max = 0;  // prompt and answer of one request; 0: what the model allows
  int64_t kv_bytes = 0;            // of the KV cache; 0: enough for one full context, at most a quarter of the memory
  bool warm_up = true;             // run one step before the first request
  // Called on the loading thread with a fraction in [0, 1] and what is being done.
  std::function<void(double fraction, const std::string& stage)> progress = {};
};

struct ModelInfo {
  std::string name;          // the folder's
  std::string architecture;  // config.json's model_type
  int64_t parameter_count = 0;
  int64_t weight_bytes = 0;
  int64_t bytes_per_token = 0;     // weights read to decode one token: embeddings count once
  int64_t kv_bytes = 0;            // of all pools
  int64_t kv_bytes_per_token = 0;  // of the layers that keep every token
  int32_t context_tokens_max = 0;
  int32_t vocabulary_size = 0;
  int threads = 0;
  std::string kernels;  // the instruction set in use
  bool has_chat_template = false;
};

// One request's events. One reader at a time; cancel() from any thread.
class Stream {
 public:
  virtual ~Stream() = default;  // a stream dropped before its end is cancelled

  // Waits for the next event; nothing after the last (Finished or Failed). A reader that does not call next() pauses
  // its own request, once the stream's buffer is full, and nobody else's.
  virtual std::optional<Event> next() = 0;

  // Ends the request within a step; the stream then closes with FinishReason::cancelled. Later calls do nothing.
  virtual void cancel() = 0;
};

// A loaded model and the thread that runs it. All functions may be called from any thread.
class Engine {
 public:
  // Loads a directory in the MLX format. Errors name the file, what was expected and what was found.
  static Result<std::unique_ptr<Engine>> load(const std::string& model_dir, const EngineOptions& options = {});

  virtual ~Engine() = default;  // cancels what runs and waits for the step to end

  // Validates, renders and tokenises on the calling thread, then queues. Errors: invalid_request with the field in
  // `param`, resource_exhausted when it cannot fit or the queue is full.
  virtual Result<std::unique_ptr<Stream>> submit(GenerateRequest request) = 0;

  virtual const ModelInfo& info() const = 0;
};

}  // namespace mlxserving
