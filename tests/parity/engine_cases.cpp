// What the engine says of given tokens, for comparison with other implementations (engine_parity.py):
//   engine_cases MODEL < requests.jsonl > answers.jsonl
// A request is {"ids": [...], "what": "mean" | "last" | "logprobs"}; its answer a list of numbers.
#include <iostream>
#include <string>

#include "core/json.h"
#include "mlxserving/engine.h"

using namespace mlxserving;

namespace {

Json embedding(Engine& engine, const std::vector<int32_t>& ids, Pooling pooling) {
  auto result = engine.embed({.inputs = {TokenPrompt{ids}}, .pooling = pooling, .normalize = false});
  if (!result) throw std::runtime_error(result.error().message);
  return result->vectors.at(0);
}

Json prompt_logprobs(Engine& engine, const std::vector<int32_t>& ids) {
  GenerateRequest request{.prompt = TokenPrompt{ids}, .prompt_logprobs = true};
  request.sampling.max_tokens = 0;
  auto stream = engine.submit(request);
  if (!stream) throw std::runtime_error(stream.error().message);
  Json numbers = Json::array();
  while (auto event = (*stream)->next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) throw std::runtime_error(failed->error.message);
    const auto* scores = std::get_if<PromptScores>(&*event);
    if (scores == nullptr) continue;
    for (const PromptScores::Token& token : scores->tokens) {
      if (token.logprob) numbers.push_back(*token.logprob);
    }
  }
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto engine = Engine::load(argv[1], {.numerics = Numerics::f32});
  if (!engine) {
    std::cerr << engine.error().message << "\n";
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse(line);
    const auto ids = request.at("ids").get<std::vector<int32_t>>();
    const auto what = request.at("what").get<std::string>();
    const Json answer = what == "logprobs" ? prompt_logprobs(**engine, ids)
                                           : embedding(**engine, ids, what == "mean" ? Pooling::mean : Pooling::last);
    std::cout << answer.dump() << "\n";
  }
  return 0;
}
