// Many streams at once through the C++ API: what bench/client/cost.mjs compares the npm package with.
//   streams MODEL STREAMS TOKENS
// One round for each line of standard input; each prints tokens and seconds, from the first submit to the last event.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "mlxserving/engine.h"

using namespace mlxserving;

namespace {

int64_t read_all(Stream& stream) {
  int64_t tokens = 0;
  while (const auto event = stream.next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) {
      std::fprintf(stderr, "streams: %s\n", failed->error.message.c_str());
      std::exit(1);
    }
    if (const auto* finished = std::get_if<Finished>(&*event)) tokens = finished->usage.completion_tokens;
  }
  return tokens;
}

int64_t round(Engine& engine, int streams, int tokens) {
  std::vector<int64_t> counts(streams);
  std::vector<std::jthread> readers;
  for (int i = 0; i < streams; ++i) {
    GenerateRequest request{.prompt = TextPrompt{"Story number " + std::to_string(i) + ":"}, .raw = true};
    request.sampling = {.temperature = 0, .max_tokens = tokens, .ignore_eos = true};
    auto stream = engine.submit(std::move(request));
    if (!stream) {
      std::fprintf(stderr, "streams: %s\n", stream.error().message.c_str());
      std::exit(1);
    }
    readers.emplace_back([&count = counts[i], own = std::move(*stream)] { count = read_all(*own); });
  }
  readers.clear();
  int64_t sum = 0;
  for (const int64_t count : counts) sum += count;
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: streams MODEL STREAMS TOKENS\n");
    return 2;
  }
  auto engine = Engine::load(argv[1]);
  if (!engine) {
    std::fprintf(stderr, "streams: %s\n", engine.error().message.c_str());
    return 1;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto started = std::chrono::steady_clock::now();
    const int64_t tokens = round(**engine, std::atoi(argv[2]), std::atoi(argv[3]));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    std::printf("%lld %.6f\n", static_cast<long long>(tokens), seconds.count());
    std::fflush(stdout);
  }
}
