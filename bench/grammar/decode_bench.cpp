// Decoding speed with a schema against without: the same model, rows and tokens, in alternating rounds of one run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <vector>

#include "mlxserving/engine.h"

namespace {

using namespace mlxserving;
using Clock = std::chrono::steady_clock;

// Long enough to fill any answer: items may not end before there are many.
constexpr const char* kSchema = R"({"type": "array", "minItems": 500, "items": {"type": "object",
  "properties": {"name": {"type": "string", "maxLength": 60}, "description": {"type": "string"},
    "age": {"type": "integer", "minimum": 0, "maximum": 130}, "tags": {"type": "array", "items": {"type": "string"}}},
  "required": ["name", "description", "age"], "additionalProperties": false}})";

// Tokens a second of all rows together, the prompts not counted.
double decode(Engine& engine, const Constraint& constraint, int rows, int tokens) {
  std::vector<std::unique_ptr<Stream>> streams;
  for (int row = 0; row < rows; ++row) {
    GenerateRequest request;
    request.prompt = TextPrompt{"List people as JSON."};
    request.constraint = constraint;
    request.sampling.seed = row;
    request.sampling.max_tokens = tokens;
    request.sampling.ignore_eos = true;
    auto stream = engine.submit(std::move(request));
    if (!stream) throw std::runtime_error(stream.error().message);
    streams.push_back(std::move(*stream));
  }
  double first_ms = 0, last_ms = 0;
  int64_t count = 0;
  for (const auto& stream : streams) {
    while (auto event = stream->next()) {
      const auto* finished = std::get_if<Finished>(&*event);
      if (finished == nullptr) continue;
      first_ms = std::max(first_ms, finished->timings.first_token_ms);
      last_ms = std::max(last_ms, finished->timings.total_ms);
      count += finished->usage.completion_tokens - 1;
    }
  }
  return static_cast<double>(count) / ((last_ms - first_ms) / 1000);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  std::string model;
  int rows = 8, tokens = 128, rounds = 5;
  CLI::App app("Decode with a schema and without");
  app.add_option("model", model, "a model directory")->required();
  app.add_option("--rows", rows, "requests at once");
  app.add_option("--tokens", tokens, "of each answer");
  app.add_option("--rounds", rounds, "of which the median counts");
  CLI11_PARSE(app, argc, argv);
  auto engine = Engine::load(model, {});
  if (!engine) {
    fmt::print(stderr, "{}\n", engine.error().message);
    return 1;
  }
  const Constraint schema = JsonSchemaConstraint{kSchema};
  decode(**engine, schema, rows, 16);  // the grammar is compiled, its masks begin to be known
  std::vector<double> with, without;
  for (int round = 0; round < rounds; ++round) {
    without.push_back(decode(**engine, {}, rows, tokens));
    with.push_back(decode(**engine, schema, rows, tokens));
    fmt::print("round {}: {:.0f} tokens/s without, {:.0f} with\n", round, without.back(), with.back());
  }
  fmt::print("median of {}, {} rows: {:.0f} tokens/s without a schema, {:.0f} with: {:.1f} %\n", rounds, rows,
             median(without), median(with), 100 * median(with) / median(without));
  return 0;
}
