#include "engine/prepare.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include "core/json.h"
#include "core/result.h"
#include "sampling/dry.h"
#include "sampling/knobs.h"

namespace mlxserving::engine {
namespace {

using Ids = std::vector<int32_t>;

Ids to_ids(const std::vector<text::TokenId>& ids) { return {ids.begin(), ids.end()}; }

Error bad_prompt(std::string message) { return {ErrorCode::invalid_request, std::move(message), "prompt"}; }

Result<RenderedPrompt> render(const Json& messages, const MessagesPrompt& prompt, const TextModel& text) {
  if (!text.chat_template) {
    return bad_prompt("the model has no chat template, so it takes a raw prompt only, not messages");
  }
  text::ChatRequest chat;
  chat.messages = messages;
  chat.now = text::jinja::local_time_now();
  if (!prompt.tools_json.empty()) {
    MLXS_TRY(chat.tools, parse_json(prompt.tools_json, "tools"));
  }
  if (!prompt.template_arguments.empty()) {
    MLXS_TRY(chat.kwargs, parse_json(prompt.template_arguments, "template_arguments"));
  }
  MLXS_TRY(text::jinja::Rendered rendered, text.chat_template->render(chat));
  std::vector<text::Span> spans;
  spans.reserve(rendered.spans.size());
  for (const auto& [begin, end, trusted] : rendered.spans) {
    spans.push_back({std::string_view(rendered.text).substr(begin, end - begin), trusted});
  }
  MLXS_TRY(const text::Encoding encoding, text.tokenizer->encode(spans, {.add_special_tokens = false}));
  return RenderedPrompt{.text = std::move(rendered.text), .ids = to_ids(encoding.ids)};
}

// How each kind of prompt becomes tokens.
struct PromptReader {
  const TextModel& text;
  const ModelInfo& info;
  bool raw;

  Result<Ids> operator()(const TextPrompt& prompt) const {
    if (prompt.text.empty()) return bad_prompt("prompt must not be empty");
    if (!raw && text.chat_template) {
      MLXS_TRY(RenderedPrompt rendered, render(Json::array({{{"role", "user"}, {"content", prompt.text}}}), {}, text));
      return std::move(rendered.ids);
    }
    MLXS_TRY(text::Encoding encoding, text.tokenizer->encode(prompt.text));
    // A text that spells its beginning itself, as a rendered template does, gets no second one: so does mlx-lm.
    if (encoding.ids.size() > 1 && encoding.ids[0] == encoding.ids[1]) {
      MLXS_TRY(encoding, text.tokenizer->encode(prompt.text, {.add_special_tokens = false}));
    }
    return to_ids(encoding.ids);
  }

  Result<Ids> operator()(const TokenPrompt& prompt) const {
    MLXS_CHECKED(check_token_ids("prompt", prompt.ids, info));
    return prompt.ids;
  }

  Result<Ids> operator()(const MessagesPrompt& prompt) const {
    MLXS_TRY(RenderedPrompt rendered, render_chat(prompt, text));
    return std::move(rendered.ids);
  }
};

Ids sorted_union(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::sort(a);
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a;
}

// Tokens that contain a text at which DRY's repetitions end.
Ids dry_breakers(const SamplingParams& sampling, const TextModel& text) {
  if (sampling.dry_multiplier == 0) return {};
  std::vector<std::string_view> bytes(text.tokenizer->vocabulary_size());
  for (size_t id = 0; id < bytes.size(); ++id) bytes[id] = text.tokenizer->token_bytes(static_cast<text::TokenId>(id));
  return sampling::breaker_tokens(bytes, sampling.dry_sequence_breakers);
}

// A stop or a bias on ids that the model lacks would be silently without effect.
Result<void> check_ids(const SamplingParams& sampling, const ModelInfo& info) {
  MLXS_CHECKED(check_token_ids("stop_token_ids", sampling.stop_token_ids, info));
  Ids biased;
  for (const TokenBias& bias : sampling.logit_bias) biased.push_back(bias.token);
  return check_token_ids("logit_bias", biased, info);
}

Result<void> check_request(const GenerateRequest& request) {
  if (request.answers < 1 || request.answers > kAnswersMax) {
    return fail(ErrorCode::invalid_request, "answers", "answers must be in [1, {}], got {}", kAnswersMax,
                request.answers);
  }
  for (const auto& [param, ms] : {std::pair{"timeouts.request_ms", request.timeouts.request_ms},
                                  std::pair{"timeouts.token_ms", request.timeouts.token_ms}}) {
    if (ms < 0) return fail(ErrorCode::invalid_request, param, "{} must be 0 (none) or more, got {}", param, ms);
  }
  return {};
}

// Prompt and answer together; refused when the prompt leaves no room.
Result<int32_t> tokens_max(const Ids& ids, const SamplingParams& sampling, const ModelInfo& info) {
  const auto prompt = static_cast<int64_t>(ids.size());
  const int64_t context = info.context_tokens_max;
  if (prompt >= context) {
    return bad_prompt(fmt::format("the prompt has {} tokens and must leave room for an answer in the context of {}",
                                  prompt, context));
  }
  const int64_t answer = sampling.max_tokens.value_or(context - prompt);
  return static_cast<int32_t>(std::min(context, prompt + answer));
}

}  // namespace

Result<RenderedPrompt> render_chat(const MessagesPrompt& prompt, const TextModel& text) {
  MLXS_TRY(const Json messages, parse_json(prompt.json, "messages"));
  return render(messages, prompt, text);
}

Result<void> check_token_ids(const char* param, std::span<const int32_t> ids, const ModelInfo& info) {
  for (const int32_t id : ids) {
    if (id >= 0 && id < info.vocabulary_size) continue;
    return fail(ErrorCode::invalid_request, param, "{} must be token ids in [0, {}), got {}", param,
                info.vocabulary_size, id);
  }
  return {};
}

Result<Prepared> prepare(const GenerateRequest& request, const TextModel& text, const ModelInfo& info,
                         grammar::Compiler& compiler) {
  MLXS_CHECKED(check_request(request));
  MLXS_CHECKED(sampling::validate(request.sampling));
  MLXS_CHECKED(check_ids(request.sampling, info));
  Prepared prepared{.sampling = request.sampling,
                    .answers = request.answers,
                    .priority = request.priority,
                    .timeouts = request.timeouts,
                    .gaps = request.gaps,
                    .special_tokens = request.special_tokens,
                    .prompt_logprobs = request.prompt_logprobs,
                    .prompt_progress = request.prompt_progress};
  MLXS_TRY(prepared.ids, std::visit(PromptReader{text, info, request.raw}, request.prompt));
  if (prepared.ids.empty()) return bad_prompt("prompt must have at least one token");
  MLXS_TRY(prepared.tokens_max, tokens_max(prepared.ids, prepared.sampling, info));
  if (!std::holds_alternative<std::monostate>(request.constraint)) {
    auto compiled = compiler.compile(request.constraint);
    if (!compiled) return Error{compiled.error().code, compiled.error().message, "constraint"};
    prepared.grammar = std::move(*compiled);
  }
  if (!prepared.sampling.seed) prepared.sampling.seed = std::random_device{}();
  const Ids ends = prepared.sampling.ignore_eos ? Ids{} : text.end_ids;
  prepared.stop_ids = sorted_union(ends, prepared.sampling.stop_token_ids);
  prepared.roles = {.end_ids = prepared.stop_ids,
                    .xtc_exempt = sorted_union(text.newline_ids, text.end_ids),
                    .dry_breakers = dry_breakers(prepared.sampling, text)};
  return prepared;
}

Result<Prepared> prepare_embedding(const EmbedRequest& request, size_t input, const TextModel& text,
                                   const ModelInfo& info) {
  const std::string param = fmt::format("inputs[{}]", input);
  const auto bad = [&](std::string message) { return Error{ErrorCode::invalid_request, std::move(message), param}; };
  const Prompt& prompt = request.inputs.at(input);
  if (std::holds_alternative<MessagesPrompt>(prompt)) return bad(param + " must be a text or token ids, got messages");
  Prepared prepared{.embedding = request.pooling};
  auto ids = std::visit(PromptReader{text, info, true}, prompt);
  if (!ids) return bad(param + ": " + ids.error().message);
  prepared.ids = std::move(*ids);
  const auto count = static_cast<int32_t>(prepared.ids.size());
  if (count == 0) return bad(param + " must have at least one token");
  if (count > info.context_tokens_max) {
    return bad(fmt::format("{} has {} tokens, the context holds {}", param, count, info.context_tokens_max));
  }
  prepared.tokens_max = count;
  prepared.sampling.seed = 0;
  return prepared;
}

}  // namespace mlxserving::engine
