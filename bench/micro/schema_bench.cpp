// Validation of a typical generate request: the promise is 10 us.
#include <benchmark/benchmark.h>

#include "schema/validate.h"

namespace mlxserving::schema {
namespace {

Json typical() {
  return {{"model_id", "mlx-community/Llama-3.2-3B-Instruct-4bit"},
          {"prompt", std::string(2000, 'x')},
          {"stream_id", "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
          {"streaming", true},
          {"max_tokens", 512},
          {"temperature", 0.7},
          {"top_p", 0.9},
          {"repetition_penalty", 1.1},
          {"stop_sequences", {"</s>", "\n\n"}},
          {"seed", 42}};
}

void BM_validate_generate(benchmark::State& state) {
  const Json request = typical();
  const Message& message = *find_message("GenerateParams");
  for (auto _ : state) benchmark::DoNotOptimize(validate(request, message));
}
BENCHMARK(BM_validate_generate);

void BM_parse_generate(benchmark::State& state) {
  const Json request = typical();
  const Message& message = *find_message("GenerateParams");
  for (auto _ : state) benchmark::DoNotOptimize(parse(request, message).ok());
}
BENCHMARK(BM_parse_generate);

}  // namespace
}  // namespace mlxserving::schema
