// A request: what to generate from, and how. The knob table at the end is the one list of sampling knobs that HTTP,
// JSON-RPC, the command line and docs/sampling.md read (src/sampling/knobs.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "mlxserving/constraint.h"

namespace mlxserving {

// In which order the filters run; docs/sampling.md draws both. Wire names: "default" and "mlx".
enum class SamplerOrder { default_, mlx };

struct TokenBias {
  int32_t token = 0;
  double bias = 0;
  bool operator==(const TokenBias&) const = default;
};

// How tokens are chosen. Every default switches its knob off, but for temperature: at 1 the model's own distribution is
// drawn from. docs/sampling.md defines each knob and cites where it comes from.
struct SamplingParams {
  // Shape of the distribution.
  double temperature = 1;
  int32_t top_k = 0;
  double top_p = 1;
  double min_p = 0;
  double typical_p = 1;
  double xtc_probability = 0;
  double xtc_threshold = 0.1;
  SamplerOrder sampler_order = SamplerOrder::default_;

  // Against repetition.
  double repetition_penalty = 1;
  double presence_penalty = 0;
  double frequency_penalty = 0;
  int32_t penalty_last_n = -1;
  double dry_multiplier = 0;
  double dry_base = 1.75;
  int32_t dry_allowed_length = 2;
  int32_t dry_penalty_last_n = -1;
  std::vector<std::string> dry_sequence_breakers = {"\n", ":", "\"", "*"};
  std::vector<TokenBias> logit_bias = {};

  // Chance and what is reported of it.
  std::optional<int64_t> seed = {};
  bool logprobs = false;
  int32_t top_logprobs = 0;

  // Where the answer ends.
  std::optional<int32_t> max_tokens = {};
  int32_t min_tokens = 0;
  std::vector<std::string> stop = {};
  std::vector<int32_t> stop_token_ids = {};
  bool include_stop = false;
  bool ignore_eos = false;
};

// What the model reads first.
struct TextPrompt {
  std::string text;
};
struct TokenPrompt {
  std::vector<int32_t> ids;
};
struct MessagesPrompt {
  std::string json;                     // an array of chat messages in OpenAI's form
  std::string tools_json = {};          // an array of tools in OpenAI's form, or empty
  std::string template_arguments = {};  // a JSON object of further variables for the template, such as enable_thinking
};
using Prompt = std::variant<TextPrompt, TokenPrompt, MessagesPrompt>;

// Who goes first when the machine is short. Waiting raises a request's place, so that none starves.
enum class Priority : uint8_t { high, normal, low };

// Milliseconds of wall clock; 0: none. A request that runs over fails with ErrorCode::timeout.
struct Timeouts {
  int64_t request_ms = 0;  // from submit to the last event
  int64_t token_ms = 0;    // from one token to the next, the first counted from the start of its prompt
};

constexpr int32_t kAnswersMax = 128;  // of one request

struct GenerateRequest {
  Prompt prompt = {};
  SamplingParams sampling = {};
  Constraint constraint = {};
  int32_t answers = 1;  // independent answers to the one prompt, in [1, kAnswersMax]; OpenAI's n
  Priority priority = Priority::normal;
  Timeouts timeouts = {};
  bool raw = false;              // a TextPrompt goes to the model as it is; otherwise it becomes one user message
  bool gaps = false;             // report each step's largest logit minus the second (TextDelta::gap)
  bool prompt_logprobs = false;  // report the prompt's tokens with their log-probabilities (PromptScores)
  bool special_tokens = false;   // the answer's text spells special tokens out, as tool calls of some models need
  bool prompt_progress = false;  // report how much of the prompt is done (PromptProgress)
  std::string id = {};           // for logs and errors; the engine makes one up where it is empty
};

// ---------------------------------------------------------------------------------------------------------- knob table

// Limits of the lists, each enforced by the table.
constexpr int32_t kTopLogprobsMax = 20;
constexpr size_t kStopStringsMax = 32;
constexpr size_t kStopBytesMax = 512;  // of one stop string
constexpr size_t kStopTokensMax = 256;
constexpr size_t kLogitBiasMax = 4096;
constexpr size_t kDryBreakersMax = 64;
constexpr size_t kDryBreakerBytesMax = 64;

// The member that a knob sets; its type is the knob's type, and its value in SamplingParams{} the default.
template <typename T>
using KnobMember = T SamplingParams::*;
using KnobField =
    std::variant<KnobMember<double>, KnobMember<int32_t>, KnobMember<bool>, KnobMember<std::optional<int32_t>>,
                 KnobMember<std::optional<int64_t>>, KnobMember<std::vector<std::string>>,
                 KnobMember<std::vector<int32_t>>, KnobMember<std::vector<TokenBias>>, KnobMember<SamplerOrder>>;

// What values are allowed. Of a list, `min` and `max` bound each number in it.
struct KnobRange {
  double min = 0;
  double max = 0;
  bool above_min = false;  // `min` itself is not allowed
  size_t items_max = 0;    // of a list
  size_t bytes_max = 0;    // of each string in a list
};

struct Knob {
  const char* name;  // as on the wire; the command-line flag has '-' for '_'
  KnobField field;
  KnobRange range;
  const char* doc;  // one or two sentences, for --help and docs/sampling.md
};

constexpr double kInt32Max = 2147483647;

inline constexpr Knob kKnobs[] = {
    {"temperature",
     &SamplingParams::temperature,
     {0, 2},
     "Divides the logits: below 1 bolder, above 1 more even. 0 is greedy: the most likely token, on a tie the lowest "
     "id."},
    {"top_k", &SamplingParams::top_k, {-1, kInt32Max}, "Keeps the k most likely tokens. 0 and -1 keep all."},
    {"top_p",
     &SamplingParams::top_p,
     {0, 1},
     "Keeps the fewest most likely tokens that together reach this probability. 1 keeps all."},
    {"min_p",
     &SamplingParams::min_p,
     {0, 1},
     "Keeps tokens at least this fraction as likely as the most likely one. 0 keeps all."},
    {"typical_p",
     &SamplingParams::typical_p,
     {0, 1, true},
     "Keeps the tokens whose surprise is nearest to the expected one until they reach this probability. 1 keeps all."},
    {"xtc_probability",
     &SamplingParams::xtc_probability,
     {0, 1},
     "How often XTC drops the likeliest choices: of the tokens above xtc_threshold only the least likely stays."},
    {"xtc_threshold",
     &SamplingParams::xtc_threshold,
     {0, 0.5},
     "The probability from which XTC counts a token as a top choice."},
    {"sampler_order",
     &SamplingParams::sampler_order,
     {},
     "default: temperature first, as Hugging Face and vLLM have it; mlx: filters first, as mlx-lm has it."},

    {"repetition_penalty",
     &SamplingParams::repetition_penalty,
     {0, 100, true},
     "Divides positive logits of tokens seen before, multiplies negative ones. 1 is off."},
    {"presence_penalty",
     &SamplingParams::presence_penalty,
     {-2, 2},
     "Subtracted from the logit of every token that was generated before."},
    {"frequency_penalty",
     &SamplingParams::frequency_penalty,
     {-2, 2},
     "Subtracted from the logit of a token once for every time it was generated before."},
    {"penalty_last_n",
     &SamplingParams::penalty_last_n,
     {-1, kInt32Max},
     "How many of the latest tokens the three penalties look at. -1: all, or 20 in mlx order; 0: none."},
    {"dry_multiplier",
     &SamplingParams::dry_multiplier,
     {0, 100},
     "Strength of DRY, which penalises tokens that would continue a repetition. 0 is off."},
    {"dry_base",
     &SamplingParams::dry_base,
     {1, 8},
     "DRY's penalty grows by this factor with each further token of the repetition."},
    {"dry_allowed_length",
     &SamplingParams::dry_allowed_length,
     {1, 1024},
     "The longest repetition DRY leaves alone is one token shorter than this."},
    {"dry_penalty_last_n",
     &SamplingParams::dry_penalty_last_n,
     {-1, kInt32Max},
     "How many of the latest tokens DRY looks at. -1: all; 0: none."},
    {"dry_sequence_breakers",
     &SamplingParams::dry_sequence_breakers,
     {0, 0, false, kDryBreakersMax, kDryBreakerBytesMax},
     "Texts at which repetitions end for DRY: a token that contains one is never part of a repetition."},
    {"logit_bias",
     &SamplingParams::logit_bias,
     {-100, 100, false, kLogitBiasMax},
     "Token ids and what is added to their logits."},

    {"seed",
     &SamplingParams::seed,
     {-9223372036854775808.0, 9223372036854775807.0},
     "The same seed gives the same text, whatever else the server is doing. Without one it is drawn and reported."},
    {"logprobs",
     &SamplingParams::logprobs,
     {},
     "Report the log-probability of each token under the model's own distribution, before any knob."},
    {"top_logprobs",
     &SamplingParams::top_logprobs,
     {0, kTopLogprobsMax},
     "With logprobs: how many of the most likely tokens to report at each position."},

    {"max_tokens",
     &SamplingParams::max_tokens,
     {0, kInt32Max},
     "The answer ends after this many tokens. Without it only the model's context length ends it."},
    {"min_tokens",
     &SamplingParams::min_tokens,
     {0, kInt32Max},
     "No end-of-sequence or stop token is chosen before this many tokens."},
    {"stop",
     &SamplingParams::stop,
     {0, 0, false, kStopStringsMax, kStopBytesMax},
     "The answer ends before the first of these texts."},
    {"stop_token_ids",
     &SamplingParams::stop_token_ids,
     {0, kInt32Max, false, kStopTokensMax},
     "The answer ends before the first of these tokens."},
    {"include_stop", &SamplingParams::include_stop, {}, "The stop text is part of the answer."},
    {"ignore_eos", &SamplingParams::ignore_eos, {}, "The model's end-of-sequence tokens do not end the answer."},
};

}  // namespace mlxserving
