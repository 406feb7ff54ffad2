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
#include <vector>

#include "mlxserving/error.h"
#include "mlxserving/event.h"
#include "mlxserving/metrics.h"
#include "mlxserving/request.h"

namespace mlxserving {

// How numbers are computed on a CPU.
enum class Numerics {
  f32,       // every product in 32-bit floats: to compare with a reference
  standard,  // activations in 15 bits where they meet quantised weights: 5e-5 relative error, nearly as fast as `fast`
  fast,      // activations in 8 bits: what most CPU engines do
};

// Where a CPU reads weights.
enum class Weights {
  automatic,  // copy on AMD, map elsewhere
  map,        // in the mapped file: ready at once, shared with other processes
  copy,       // copied once to memory on 2 MiB pages: as much memory again, faster on AMD
};

// How keys and values are kept.
enum class KvCacheType {
  automatic,  // bf16; f32 with Numerics::f32
  bf16,
  f16,
  int8,  // half of bf16's bytes, a scale a token and head; CPU only
};

struct EngineOptions {
  Numerics numerics = Numerics::standard;
  Weights weights = Weights::automatic;
  int threads = 0;                 // 0: one a core this process may use
  int32_t context_tokens_max = 0;  // prompt and answer of one request; 0: what the model allows
  KvCacheType kv_type = KvCacheType::automatic;
  int64_t memory_bytes = 0;  // of weights and KV cache together; 0: what the machine and its control group have
  int64_t kv_bytes = 0;      // of the KV cache; 0: enough for one full context, at most a quarter of the memory
  bool prefix_cache = true;  // beginnings of prompts stay in the KV cache while nobody else needs the room
  // Where they are kept in files too, to survive a restart; empty: nowhere. The oldest go when they outgrow the bytes.
  std::string prefix_cache_dir = {};
  int64_t prefix_cache_bytes = int64_t{8} << 30;
  bool warm_up = true;  // run one step before the first request
  // A step of more than this has hung: health() says stuck, waiting readers get an error. More than any sound step of a
  // large model on a slow machine takes.
  int64_t step_timeout_ms = 120'000;
  // Between two tokens of an answer; the engine then takes fewer rows and requests at once when steps take longer, and
  // more again when they do not. 0: no target.
  double latency_target_ms = 0;
  // Called on loading threads, one at a time, with a fraction in [0, 1] that rises and what is being done.
  std::function<void(double fraction, const std::string& stage)> progress = {};
};

struct ModelInfo {
  std::string name;          // the folder's
  std::string architecture;  // config.json's model_type
  int64_t parameter_count = 0;
  int64_t layer_parameter_count = 0;  // without embedding and head
  int64_t weight_bytes = 0;
  int64_t bytes_per_token = 0;     // weights read to decode one token: embeddings count once
  int64_t kv_bytes = 0;            // of all pools
  int64_t kv_bytes_per_token = 0;  // of the layers that keep every token
  int32_t context_tokens_max = 0;
  int32_t vocabulary_size = 0;
  int threads = 0;
  std::string kernels;  // the instruction set in use
  std::string weights;  // where they are read: "map" or "copy"
  bool has_chat_template = false;
  std::string tool_dialect =
      {};               // how the model writes calls of tools, as its template shows (docs/tools.md); empty: not
  bool thinks = false;  // its template marks reasoning with <think> tags
};

// Vectors for texts or token ids, from the model's last hidden states.
enum class Pooling { mean, last };
struct EmbedRequest {
  std::vector<Prompt> inputs;  // TextPrompt or TokenPrompt, raw
  Pooling pooling = Pooling::mean;
  bool normalize = true;  // to length 1
};
struct Embeddings {
  std::vector<std::vector<float>> vectors;  // [input][hidden size]
  int32_t prompt_tokens = 0;
};

// A chat as the model reads it.
struct RenderedPrompt {
  std::string text;
  std::vector<int32_t> ids;
};

// One request's events. One reader at a time; cancel() from any thread.
class Stream {
 public:
  virtual ~Stream() = default;  // a stream dropped before its end is cancelled

  // Waits for the next event; nothing after the last (Finished or Failed). A reader that does not call next() pauses
  // its own request, once the stream's buffer is full, and nobody else's.
  virtual std::optional<Event> next() = 0;

  // The next event if there is one now. For readers of many streams, who wait for all of them at once (on_ready).
  virtual std::optional<Event> try_next() = 0;

  // From now on `ready` is called whenever there is an event to take, on the engine's thread; at once, on this one, if
  // there is one already. It must be quick and call nothing of this stream: it wakes the reader. Replaces the one
  // before; empty: none is called any more once this returns.
  virtual void on_ready(std::function<void()> ready) = 0;

  // Ends the request within a step; the stream then closes with FinishReason::cancelled. Later calls do nothing.
  virtual void cancel() = 0;
};

// Vectors on their way. One reader at a time; dropped before its end, the rest is not computed.
class PendingEmbeddings {
 public:
  virtual ~PendingEmbeddings() = default;

  // All of them, or why they will never be there; once, by one of these. try_take() does not wait.
  virtual Result<Embeddings> wait() = 0;
  virtual std::optional<Result<Embeddings>> try_take() = 0;

  // As Stream's: `ready` is called whenever try_take() may have more to do.
  virtual void on_ready(std::function<void()> ready) = 0;
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

  // As submit(). What it gives must not outlive the engine.
  virtual Result<std::unique_ptr<PendingEmbeddings>> submit_embedding(const EmbedRequest& request) = 0;

  // Submits and waits.
  Result<Embeddings> embed(const EmbedRequest& request);

  // Words ↔ tokens, on the calling thread; the engine's own is not disturbed.
  virtual Result<std::vector<int32_t>> tokenize(const std::string& text, bool add_special_tokens) const = 0;
  virtual Result<std::string> detokenize(const std::vector<int32_t>& ids, bool keep_special_tokens) const = 0;
  virtual Result<RenderedPrompt> render(const MessagesPrompt& prompt) const = 0;

  // The truth about the engine's thread now, and what it has counted. Neither waits for it.
  virtual Health health() const = 0;
  virtual Metrics metrics() const = 0;

  virtual const ModelInfo& info() const = 0;
};

}  // namespace mlxserving
