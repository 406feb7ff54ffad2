// Request → tokens: everything that can be refused is refused here, on the caller's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/text_model.h"
#include "grammar/compiler.h"
#include "mlxserving/engine.h"
#include "mlxserving/request.h"
#include "sampling/sampler.h"

namespace mlxserving::engine {

struct Prepared {
  std::vector<int32_t> ids = {};       // of the prompt, at least one
  int32_t tokens_max = 0;              // prompt and answer together
  SamplingParams sampling = {};        // valid, with a seed
  sampling::TokenRoles roles = {};     // what the knobs' texts mean in this vocabulary
  std::vector<int32_t> stop_ids = {};  // ascending; the first of them ends the answer
  int32_t answers = 1;
  Priority priority = Priority::normal;
  Timeouts timeouts = {};
  bool gaps = false;
  std::shared_ptr<grammar::Grammar> grammar =
      {};  // of the constraint, shared with the compiler's cache; none: free text
  bool special_tokens = false;
  bool prompt_logprobs = false;
  bool prompt_progress = false;
  std::optional<Pooling> embedding = {};  // instead of an answer
};

// Errors: invalid_request with the field in `param`; those of the compiler, whose field is `constraint`.
Result<Prepared> prepare(const GenerateRequest& request, const TextModel& text, const ModelInfo& info,
                         grammar::Compiler& compiler);

// One input of an embedding. Errors name it, such as inputs[3].
Result<Prepared> prepare_embedding(const EmbedRequest& request, size_t input, const TextModel& text,
                                   const ModelInfo& info);

// The model's own template around the messages, and its tokens; what users wrote cannot become a control token.
Result<RenderedPrompt> render_chat(const MessagesPrompt& prompt, const TextModel& text);

// Ids that the model has; `param` names them in the error.
Result<void> check_token_ids(const char* param, std::span<const int32_t> ids, const ModelInfo& info);

}  // namespace mlxserving::engine
