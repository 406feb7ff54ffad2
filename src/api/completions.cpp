// POST /v1/completions
#include <utility>

#include "api/chat_format.h"
#include "api/routes.h"
#include "api/structured_output.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

constexpr size_t kPromptsMax = 128;  // of one request

Result<std::string> echo_of(const Engine& engine, const Prompt& prompt) {
  if (const auto* text = std::get_if<TextPrompt>(&prompt)) return text->text;
  return engine.detokenize(std::get<TokenPrompt>(prompt).ids, true);
}

// How many answers are made and told of each prompt, and with which log-probabilities.
Result<void> read_answers(const schema::Reader& reader, bool streamed, GenerateRequest& request,
                          CompletionFormatOptions& format) {
  format.n = reader.maybe<int32_t>("n").value_or(1);
  format.best_of = reader.maybe<int32_t>("best_of").value_or(format.n);
  if (format.best_of < format.n) {
    return fail(ErrorCode::invalid_request, "best_of", "best_of must be at least n, got {} and n {}", format.best_of,
                format.n);
  }
  if (streamed && format.best_of > format.n) {
    return fail(ErrorCode::invalid_request, "best_of", "best_of must equal n in a stream, got {} and n {}",
                format.best_of, format.n);
  }
  request.answers = format.best_of;
  const auto logprobs = reader.maybe<int32_t>("logprobs");
  format.common.logprobs = logprobs.has_value();
  request.sampling.top_logprobs = logprobs.value_or(0);
  request.sampling.logprobs = logprobs.has_value() || format.best_of > format.n;  // the best is the likeliest
  MLXS_TRY(format.common.include_usage, read_include_usage(reader, streamed));
  return {};
}

Result<std::vector<Prompt>> read_some_prompts(const schema::Reader& reader) {
  std::vector<Prompt> prompts = read_prompts(reader.json("prompt"));
  if (prompts.size() <= kPromptsMax) return prompts;
  return fail(ErrorCode::invalid_request, "prompt", "prompt must have at most {} items, got {}", kPromptsMax,
              prompts.size());
}

Result<net::HttpReply> run(ServerState& state, const net::HttpRequest& request, Ticket ticket) {
  const schema::Message& message = schema::http_message("CompletionRequest");
  MLXS_TRY(const Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  GenerateRequest common{.raw = true};
  MLXS_TRY(common.sampling, read_sampling(body, message));
  if (body.contains("top_logprobs")) {
    return fail(ErrorCode::invalid_request, "top_logprobs",
                "top_logprobs is not supported here: logprobs is the number");
  }
  read_common(reader, request.id, common);
  MLXS_TRY(AskedForm form, read_form(reader));
  common.constraint = std::move(form.constraint);
  GenerationPlan plan;
  CompletionFormatOptions format;
  plan.streamed = reader.maybe<bool>("stream").value_or(false);
  MLXS_CHECKED(read_answers(reader, plan.streamed, common, format));
  MLXS_TRY(const std::vector<Prompt> prompts, read_some_prompts(reader));
  plan.model = reader.get<std::string>("model");
  MLXS_TRY(const auto engine, state.shelf.find(plan.model));
  const bool echo = reader.maybe<bool>("echo").value_or(false);
  common.prompt_logprobs = echo && format.common.logprobs;
  if (reader.maybe<bool>("effective").value_or(false)) {
    draw_seed(common);
    plan.effective = effective_json(engine->info(), common);
  }
  plan.names = {
      {"answers", "n"}, {"constraint", form.field}, {"timeouts.request_ms", "timeout_ms"}, {"prompt_logprobs", "echo"}};
  for (const Prompt& prompt : prompts) {
    if (echo) {
      MLXS_TRY(format.echoes.emplace_back(), echo_of(*engine, prompt));
    }
    GenerateRequest one = common;
    one.prompt = prompt;
    auto stream = engine->submit(std::move(one));
    if (!stream) return rename_param(stream.error(), plan.names);
    plan.streams.push_back(std::move(*stream));
  }
  plan.id = make_id("cmpl-");
  plan.notes = notes_of(plan.model, reader.maybe<std::string>("user").value_or(""));
  plan.answers = common.answers;
  plan.keep_tokens = common.sampling.logprobs;
  plan.format = completion_format(std::move(format));
  plan.ticket = std::move(ticket);
  return net::HttpReply(respond(std::move(plan)));
}

}  // namespace

net::HttpReply completions(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::openai,
                    [&](Ticket ticket) { return run(state, request, std::move(ticket)); });
}

}  // namespace mlxserving::api
