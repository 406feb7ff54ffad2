// How soon the second turn of a chat starts: the first turn's prompt of 4,096 tokens is computed, the second finds it
// in the prefix cache. Prints times to the first token and their ratio; the target is at most 5 %.
//
//   second_turn MODEL [PROMPT_TOKENS] [ROUNDS]
#include <fmt/format.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "mlxserving/engine.h"

using namespace mlxserving;

namespace {

constexpr int32_t kAnswerTokens = 64;
constexpr int32_t kQuestionTokens = 32;

struct Turn {
  std::vector<int32_t> answer;
  double prefill_ms = 0;
  int32_t cached_tokens = 0;
};

Turn ask(Engine& engine, const std::vector<int32_t>& prompt) {
  GenerateRequest request{.prompt = TokenPrompt{prompt}};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = kAnswerTokens;
  request.sampling.ignore_eos = true;
  auto stream = engine.submit(request);
  Turn turn;
  while (auto event = (*stream)->next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) turn.answer.push_back(delta->token_id);
    if (const auto* finished = std::get_if<Finished>(&*event)) {
      turn.prefill_ms = finished->timings.first_token_ms - finished->timings.queued_ms;
      turn.cached_tokens = finished->usage.cached_tokens;
    }
  }
  return turn;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: second_turn MODEL [PROMPT_TOKENS] [ROUNDS]\n");
    return 2;
  }
  const int32_t prompt_tokens = argc > 2 ? std::atoi(argv[2]) : 4096;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 3;
  auto engine = Engine::load(argv[1]);
  if (!engine) {
    fmt::print(stderr, "{}\n", engine.error().message);
    return 1;
  }
  std::mt19937 random(1);
  const auto add_words = [&](std::vector<int32_t>& ids, int32_t count) {
    const auto vocabulary = static_cast<uint32_t>((*engine)->info().vocabulary_size);
    for (int32_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random() % vocabulary));
  };
  fmt::print("{}, {} tokens, answer {}, question {}; kernels {}, {} threads\n", (*engine)->info().name, prompt_tokens,
             kAnswerTokens, kQuestionTokens, (*engine)->info().kernels, (*engine)->info().threads);
  for (int round = 0; round < rounds; ++round) {
    std::vector<int32_t> chat;
    add_words(chat, prompt_tokens);
    const Turn first = ask(**engine, chat);
    chat.insert(chat.end(), first.answer.begin(), first.answer.end());
    add_words(chat, kQuestionTokens);
    const Turn second = ask(**engine, chat);
    fmt::print("first turn {:8.1f} ms   second {:7.1f} ms ({} of {} tokens cached)   {:.2f} %\n", first.prefill_ms,
               second.prefill_ms, second.cached_tokens, chat.size(), 100 * second.prefill_ms / first.prefill_ms);
  }
  return 0;
}
