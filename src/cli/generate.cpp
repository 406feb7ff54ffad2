// `mlx-serving generate`: one answer to one prompt, for people and for scripts.
#include <cstdio>
#include <iostream>
#include <random>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/engine_flags.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/knob_flags.h"
#include "core/json.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

constexpr size_t kPromptBytesMax = size_t{32} << 20;  // as much text as a template may render

struct Options {
  explicit Options(CLI::App& command) : engine(command), knobs(command), constraint(command) {}

  EngineFlags engine;
  KnobFlags knobs;
  ConstraintFlags constraint;
  std::string prompt;
  const CLI::Option* prompt_option = nullptr;
  std::string prompt_file = "-";
  bool raw = false;
  bool gaps = false;
  bool json = false;
};

Result<std::string> read_prompt(const Options& options) {
  std::string prompt = options.prompt;
  if (options.prompt_option->empty()) {
    MLXS_TRY(prompt, read_input(options.prompt_file, kPromptBytesMax, "the prompt"));
  }
  if (prompt.empty()) return fail(ErrorCode::invalid_request, "prompt", "the prompt must not be empty");
  MLXS_CHECKED(check_utf8(prompt, "the prompt"));
  return prompt;
}

// The whole answer, gathered for --json.
struct Answer {
  std::string text;
  Json ids = Json::array();
  Json gaps = Json::array();
  Json logprobs = Json::array();
};

Json to_json(const TokenLogprob& entry) {
  Json bytes = Json::array();
  for (const char c : entry.bytes) bytes.push_back(static_cast<uint8_t>(c));
  return {{"id", entry.token_id}, {"token", entry.bytes}, {"logprob", entry.logprob}, {"bytes", bytes}};
}

void add(Answer& answer, const TextDelta& delta) {
  answer.text += delta.text;
  answer.ids.push_back(delta.token_id);
  if (delta.gap) answer.gaps.push_back(*delta.gap);
  if (!delta.logprob) return;
  Json entry = to_json(*delta.logprob);
  entry["top_logprobs"] = Json::array();
  for (const TokenLogprob& top : delta.top_logprobs) entry["top_logprobs"].push_back(to_json(top));
  answer.logprobs.push_back(std::move(entry));
}

Json to_json(Answer answer, const Finished& finished, int64_t seed) {
  const Usage& usage = finished.usage;
  const Timings& timings = finished.timings;
  Json object = {{"text", answer.text + finished.text},
                 {"ids", std::move(answer.ids)},
                 {"finish_reason", to_string(finished.reason)},
                 {"seed", seed},
                 {"usage",
                  {{"prompt_tokens", usage.prompt_tokens},
                   {"cached_tokens", usage.cached_tokens},
                   {"completion_tokens", usage.completion_tokens}}},
                 {"timings",
                  {{"first_token_ms", timings.first_token_ms},
                   {"total_ms", timings.total_ms},
                   {"prefill_tokens_per_second", timings.prefill_tokens_per_second(usage)},
                   {"decode_tokens_per_second", timings.decode_tokens_per_second(usage)}}}};
  if (!answer.gaps.empty()) object["gaps"] = std::move(answer.gaps);
  if (!answer.logprobs.empty()) object["logprobs"] = std::move(answer.logprobs);
  return object;
}

// Prints text as it comes, or gathers it; the exit code.
Result<int> print_answer(Stream& stream, const Options& options, int64_t seed) {
  Answer answer;
  while (auto event = stream.next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) return failed->error;
    if (const auto* delta = std::get_if<TextDelta>(&*event)) {
      if (options.json) {
        add(answer, *delta);
      } else if (!delta->text.empty()) {
        std::cout << delta->text << std::flush;
      }
      continue;
    }
    const auto& finished = std::get<Finished>(*event);
    if (options.json) {
      std::cout << to_text(to_json(std::move(answer), finished, seed)) << "\n";
    } else {
      std::cout << finished.text << std::endl;
    }
    return finished.reason == FinishReason::cancelled ? kExitInterrupted : kExitOk;
  }
  return fail(ErrorCode::internal, "", "the stream ended without a result");
}

Result<int> run_generate(const Options& options) {
  MLXS_TRY(SamplingParams sampling, options.knobs.read());
  if (!sampling.seed) sampling.seed = std::random_device{}();
  if (sampling.logprobs && !options.json) return wrong_usage("--logprobs shows nothing without --json");
  MLXS_TRY(Constraint constraint, options.constraint.read());
  MLXS_TRY(std::string prompt, read_prompt(options));
  Interrupt interrupt;
  MLXS_TRY(const auto engine, options.engine.load(options.json));
  MLXS_TRY(const auto stream, engine->submit({.prompt = TextPrompt{std::move(prompt)},
                                              .sampling = sampling,
                                              .constraint = std::move(constraint),
                                              .raw = options.raw,
                                              .gaps = options.gaps}));
  interrupt.on_signal([&] { stream->cancel(); });
  Result<int> code = print_answer(*stream, options, *sampling.seed);
  interrupt.on_signal({});
  return code;
}

}  // namespace

Runner declare_generate(CLI::App& command) {
  auto options = std::make_shared<Options>(command);
  CLI::Option* prompt =
      command.add_option("prompt", options->prompt, "The prompt; without it and --prompt-file, standard input.");
  options->prompt_option = prompt;
  command
      .add_option("--prompt-file", options->prompt_file,
                  "Read the prompt from this file or pipe as it is, line ends included; - is standard input.")
      ->excludes(prompt);
  command.add_flag("--raw", options->raw, "Give the prompt to the model as it is, without its chat template.");
  CLI::Option* json =
      command.add_flag("--json", options->json,
                       "Print one JSON object at the end: text, ids (every sampled token, the end token included), "
                       "finish_reason, seed, usage, timings.");
  command.add_flag("--gaps", options->gaps, "With --json: the largest logit minus the second, for each token.")
      ->needs(json);
  return [options] { return run_generate(*options); };
}

}  // namespace mlxserving::cli
