// Asking an engine and reading what it says, as most tests do it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mlxserving/engine.h"

namespace mlxserving::test {

// Greedy, exactly `max_tokens` of them.
inline GenerateRequest ask(const std::string& text, int32_t max_tokens = 24) {
  GenerateRequest request{.prompt = TextPrompt{text}, .raw = true};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = max_tokens;
  request.sampling.ignore_eos = true;
  return request;
}

// One answer; `finished` or `error`, or neither if the stream ended without.
struct Answer {
  std::string text;
  std::vector<int32_t> ids;
  std::optional<Finished> finished;
  std::optional<Error> error;

  std::optional<FinishReason> reason() const { return finished ? std::optional(finished->reason) : std::nullopt; }
};

inline Answer read_all(Stream& stream) {
  Answer answer;
  while (auto event = stream.next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) {
      answer.text += delta->text;
      answer.ids.push_back(delta->token_id);
    } else if (const auto* finished = std::get_if<Finished>(&*event)) {
      answer.text += finished->text;
      answer.finished = *finished;
    } else if (const auto* failed = std::get_if<Failed>(&*event)) {
      answer.error = failed->error;
    }
  }
  return answer;
}

}  // namespace mlxserving::test
