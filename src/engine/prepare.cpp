#include "engine/prepare.h"

#include <algorithm>
#include <random>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "sampling/dry.h"
#include "sampling/knobs.h"

namespace mlxserving::engine {
namespace {

using Ids = std::vector<int32_t>;

Ids to_ids(const std::vector<text::TokenId>& ids) { return {ids.begin(), ids.end()}; }

Error bad_prompt(std::string message) { return {ErrorCode::invalid_request, std::move(message), "prompt"}; }

// The model's own template around the messages; what users wrote cannot become a control token.
Result<Ids> render(const Json& messages, const MessagesPrompt& prompt, const TextModel& text) {
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
  MLXS_TRY(const text::jinja::Rendered rendered, text.chat_template->render(chat));
  std::vector<text::Span> spans;
  for (const auto& [begin, end, trusted] : rendered.spans) {
    spans.push_back({std::string_view(rendered.text).substr(begin, end - begin), trusted});
  }
  MLXS_TRY(const text::Encoding encoding, text.tokenizer->encode(spans, {.add_special_tokens = false}));
  return to_ids(encoding.ids);
}

// How each kind of prompt becomes tokens.
struct PromptReader {
  const TextModel& text;
  const ModelInfo& info;
  bool raw;

  Result<Ids> operator()(const TextPrompt& prompt) const {
    if (prompt.text.empty()) return bad_prompt("prompt must not be empty");
    if (!raw && text.chat_template) {
      return render(Json::array({{{"role", "user"}, {"content", prompt.text}}}), {}, text);
    }
    MLXS_TRY(const text::Encoding encoding, text.tokenizer->encode(prompt.text));
    return to_ids(encoding.ids);
  }

  Result<Ids> operator()(const TokenPrompt& prompt) const {
    for (const int32_t id : prompt.ids) {
      if (id >= 0 && id < info.vocabulary_size) continue;
      return bad_prompt(fmt::format("prompt token ids must be in [0, {}), got {}", info.vocabulary_size, id));
    }
    return prompt.ids;
  }

  Result<Ids> operator()(const MessagesPrompt& prompt) const {
    MLXS_TRY(const Json messages, parse_json(prompt.json, "messages"));
    return render(messages, prompt, text);
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

// Ids that the model has: a stop or a bias on others would be silently without effect.
Result<void> check_ids(const SamplingParams& sampling, const ModelInfo& info) {
  const auto check = [&](const char* param, int32_t id) -> Result<void> {
    if (id < info.vocabulary_size) return {};
    return fail(ErrorCode::invalid_request, param, "{} must be token ids in [0, {}), got {}", param,
                info.vocabulary_size, id);
  };
  for (const int32_t id : sampling.stop_token_ids) MLXS_CHECKED(check("stop_token_ids", id));
  for (const TokenBias& bias : sampling.logit_bias) MLXS_CHECKED(check("logit_bias", bias.token));
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

Result<Prepared> prepare(const GenerateRequest& request, const TextModel& text, const ModelInfo& info) {
  MLXS_CHECKED(sampling::validate(request.sampling));
  MLXS_CHECKED(check_ids(request.sampling, info));
  Prepared prepared{.sampling = request.sampling, .gaps = request.gaps};
  MLXS_TRY(prepared.ids, std::visit(PromptReader{text, info, request.raw}, request.prompt));
  if (prepared.ids.empty()) return bad_prompt("prompt must have at least one token");
  MLXS_TRY(prepared.tokens_max, tokens_max(prepared.ids, prepared.sampling, info));
  if (!prepared.sampling.seed) prepared.sampling.seed = std::random_device{}();
  const Ids ends = prepared.sampling.ignore_eos ? Ids{} : text.end_ids;
  prepared.stop_ids = sorted_union(ends, prepared.sampling.stop_token_ids);
  prepared.roles = {.end_ids = prepared.stop_ids,
                    .xtc_exempt = sorted_union(text.newline_ids, text.end_ids),
                    .dry_breakers = dry_breakers(prepared.sampling, text)};
  return prepared;
}

}  // namespace mlxserving::engine
