#include "api/submission.h"

#include <random>
#include <utility>

#include "core/result.h"

namespace mlxserving::api {

std::optional<net::HttpResponse> take_place(ServerState& state, const net::HttpRequest& request, Dialect dialect,
                                            std::shared_ptr<void>& ticket) {
  Admission::Refusal refusal{};
  ticket = state.admission.enter(request.key, refusal);
  if (ticket) return std::nullopt;
  net::HttpResponse response = status_response(
      refusal.status, refusal.status == 429 ? "rate_limit_exceeded" : "overloaded", refusal.message, dialect);
  response.headers.emplace_back("retry-after", "1");
  return response;
}

void draw_seed(GenerateRequest& request) {
  if (!request.sampling.seed) request.sampling.seed = std::random_device{}();
}

Json effective_json(const ModelInfo& info, const GenerateRequest& request) {
  constexpr const char* kPriorities[] = {"high", "normal", "low"};
  return {{"model", info.name},
          {"architecture", info.architecture},
          {"kernels", info.kernels},
          {"threads", info.threads},
          {"context_tokens_max", info.context_tokens_max},
          {"tool_dialect", info.tool_dialect.empty() ? Json(nullptr) : Json(info.tool_dialect)},
          {"constrained", request.constraint.index() != 0},
          {"priority", kPriorities[static_cast<size_t>(request.priority)]},
          {"timeout_ms", request.timeouts.request_ms},
          {"sampling", to_json(request.sampling)}};
}

Result<net::HttpReply> start_chat(ServerState& state, ChatCall call, std::unique_ptr<Format> format,
                                  std::shared_ptr<void> ticket) {
  MLXS_TRY(const auto engine, state.shelf.find(call.model));
  const ModelInfo& info = engine->info();
  const bool uses_tools =
      call.tools.is_array() && !call.tools.empty() && call.tool_choice.kind != ToolChoice::Kind::none;
  const Json tools = uses_tools ? std::move(call.tools) : Json(nullptr);
  if (uses_tools && info.tool_dialect.empty()) {
    return fail(ErrorCode::invalid_request, "tools", "the model '{}' has no chat template that takes tools",
                call.model);
  }
  const bool forced = uses_tools && call.tool_choice.kind != ToolChoice::Kind::automatic;
  if (forced) {
    if (call.request.constraint.index() != 0) {
      return fail(ErrorCode::invalid_request, "tool_choice", "tool_choice {} and response_format exclude each other",
                  call.tool_choice.kind == ToolChoice::Kind::named ? "of a function" : "required");
    }
    MLXS_TRY(call.request.constraint, force_calls(info.tool_dialect, tools, call.tool_choice, !call.one_call));
  }
  MLXS_TRY(
      RenderedPrompt rendered,
      engine->render({.json = to_text(call.messages),
                      .tools_json = uses_tools ? to_text(tools) : "",
                      .template_arguments = call.template_arguments.empty() ? "" : to_text(call.template_arguments)}));
  if (call.effective) draw_seed(call.request);
  call.request.special_tokens = uses_tools || info.tool_dialect == "harmony";
  call.request.prompt = TokenPrompt{std::move(rendered.ids)};
  GenerationPlan plan;
  plan.answers = call.request.answers;
  plan.model = call.model;
  plan.id = call.id;
  plan.streamed = call.streamed;
  plan.keep_tokens = call.keep_tokens;
  plan.one_call = call.one_call && uses_tools;
  if (call.effective) plan.effective = effective_json(info, call.request);
  plan.parser = make_parser(info, tools, rendered.text);
  plan.format = std::move(format);
  plan.ticket = std::move(ticket);
  auto stream = engine->submit(std::move(call.request));
  if (!stream) {
    if (forced && stream.error().param == "constraint") {
      return rename_param(stream.error(), {{"constraint", "tool_choice"}});
    }
    return rename_param(stream.error(), call.names);
  }
  plan.streams.push_back(std::move(*stream));
  return net::HttpReply(respond(std::move(plan)));
}

}  // namespace mlxserving::api
