// Loads a model, asks it something and prints the answer as it comes:  hello MODEL_DIR [QUESTION]
#include <cstdio>

#include "mlxserving/engine.h"

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("usage: hello MODEL_DIR [QUESTION]\n", stderr), 2;

  auto engine = mlxserving::Engine::load(argv[1]);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;

  mlxserving::GenerateRequest request{.prompt = mlxserving::TextPrompt{argc > 2 ? argv[2] : "Say hello."}};
  request.sampling.max_tokens = 64;
  auto stream = (*engine)->submit(request);
  if (!stream) return std::fprintf(stderr, "%s\n", stream.error().message.c_str()), 1;

  while (auto event = (*stream)->next()) {
    if (auto* delta = std::get_if<mlxserving::TextDelta>(&*event)) {
      std::fputs(delta->text.c_str(), stdout);
      std::fflush(stdout);
    } else if (auto* finished = std::get_if<mlxserving::Finished>(&*event)) {
      std::printf("%s\n", finished->text.c_str());
    } else {
      const auto& failed = std::get<mlxserving::Failed>(*event);
      return std::fprintf(stderr, "%s\n", failed.error.message.c_str()), 1;
    }
  }
}
