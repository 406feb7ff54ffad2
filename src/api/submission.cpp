#include "api/submission.h"

#include <random>
#include <utility>

#include "core/result.h"
#include "text/dialects/dialects.h"

namespace mlxserving::api {

namespace {

// Takes a place for the key or refuses with 429 or 503.
std::optional<net::HttpResponse> take_place(ServerState& state, const net::HttpRequest& request, Dialect dialect,
                                            Ticket& ticket) {
  Admission::Refusal refusal{};
  ticket = state.admission.enter(request.key, refusal);
  if (ticket) return std::nullopt;
  net::HttpResponse response = status_response(
      refusal.status, refusal.status == 429 ? "rate_limit_exceeded" : "overloaded", refusal.message, dialect);
  response.headers.emplace_back("retry-after", "1");
  return response;
}

// A form that the request asked for begins with the first token: reasoning that the template has opened is closed, and
// a dialect that puts a heading before each answer gets it.
Result<void> open_answer(const Engine& engine, RenderedPrompt& prompt) {
  const ModelInfo& info = engine.info();
  const std::string opening = text::answer_opening(info.tool_dialect, prompt.text);
  if (opening.empty()) return {};
  MLXS_TRY(const auto ids, engine.tokenize(opening, false));
  prompt.text += opening;
  prompt.ids.insert(prompt.ids.end(), ids.begin(), ids.end());
  return {};
}

// What holds calls to the request's tools. A form that another field asks for is one of texts: beside calls that must
// come there is none.
Result<void> hold_calls(const ModelInfo& info, ChatCall& call) {
  if (!call.uses_tools()) return {};
  if (info.tool_dialect.empty()) {
    return fail(ErrorCode::invalid_request, "tools", "the model '{}' has no chat template that takes tools",
                call.model);
  }
  if (call.request.constraint.index() != 0 && call.tool_choice.kind == ToolChoice::Kind::automatic) {
    return fail(ErrorCode::invalid_request, "tools",
                "tools and the form that another field asks for exclude each other, unless tool_choice is none (the "
                "answer has the form) or forces a call (the answer has no text that it could hold)");
  }
  MLXS_TRY(call.request.constraint, call_constraint(info.tool_dialect, call.tools, call.tool_choice, !call.one_call));
  return {};
}

}  // namespace

net::HttpReply with_place(ServerState& state, const net::HttpRequest& request, Dialect dialect,
                          const std::function<Result<net::HttpReply>(Ticket)>& start) {
  Ticket ticket;
  if (auto refusal = take_place(state, request, dialect, ticket)) return std::move(*refusal);
  auto reply = start(std::move(ticket));
  return reply ? std::move(*reply) : net::HttpReply(error_response(reply.error(), dialect));
}

net::HttpHeaders notes_of(const std::string& model, const std::string& user) {
  net::HttpHeaders notes = {{"model", model}};
  if (!user.empty()) notes.emplace_back("user", user);
  return notes;
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

Result<net::HttpReply> start_chat(ServerState& state, ChatCall call, std::unique_ptr<Format> format, Ticket ticket) {
  MLXS_TRY(const auto engine, state.shelf.find(call.model));
  const ModelInfo& info = engine->info();
  const bool has_form = call.request.constraint.index() != 0;
  MLXS_CHECKED(hold_calls(info, call));
  const Json tools = call.uses_tools() ? std::move(call.tools) : Json(nullptr);
  const bool forces_call = tools.is_array() && call.tool_choice.kind != ToolChoice::Kind::automatic;
  MLXS_TRY(
      RenderedPrompt rendered,
      engine->render({.json = to_text(call.messages),
                      .tools_json = tools.is_array() ? to_text(tools) : "",
                      .template_arguments = call.template_arguments.empty() ? "" : to_text(call.template_arguments)}));
  if (has_form || forces_call) MLXS_CHECKED(open_answer(*engine, rendered));
  if (call.effective) draw_seed(call.request);
  call.request.special_tokens = tools.is_array() || info.tool_dialect == "harmony";
  call.request.prompt = TokenPrompt{std::move(rendered.ids)};
  GenerationPlan plan;
  plan.answers = call.request.answers;
  plan.model = call.model;
  plan.id = call.id;
  plan.streamed = call.streamed;
  plan.keep_tokens = call.keep_tokens;
  plan.one_call = call.one_call && tools.is_array();
  if (call.effective) plan.effective = effective_json(info, call.request);
  plan.parser = make_parser(info, tools, rendered.text);
  plan.format = std::move(format);
  plan.ticket = std::move(ticket);
  plan.notes = notes_of(call.model, call.user);
  plan.names = std::move(call.names);
  if (forces_call || !has_form) {
    plan.names.insert(plan.names.begin(), {"constraint", forces_call ? "tool_choice" : "tools"});
  }
  auto stream = engine->submit(std::move(call.request));
  if (!stream) return rename_param(stream.error(), plan.names);
  plan.streams.push_back(std::move(*stream));
  return net::HttpReply(respond(std::move(plan)));
}

}  // namespace mlxserving::api
