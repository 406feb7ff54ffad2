#include "api/chat_tools.h"

#include <map>
#include <utility>

#include "core/result.h"
#include "text/dialects/dialects.h"

namespace mlxserving::api {
namespace {

Json schema_of(const Json& function) {
  const auto parameters = function.find("parameters");
  if (parameters != function.end() && parameters->is_object()) return *parameters;
  return {{"type", "object"}};
}

const Json* find_tool(const Json& tools, const std::string& name) {
  if (!tools.is_array()) return nullptr;
  for (const Json& tool : tools) {
    if (tool["function"]["name"] == name) return &tool;
  }
  return nullptr;
}

}  // namespace

Result<ToolChoice> read_tool_choice(const Json& value, const Json& tools) {
  using Kind = ToolChoice::Kind;
  const auto check_some = [&](ToolChoice choice) -> Result<ToolChoice> {
    if (tools.is_array() && !tools.empty()) return choice;
    return fail(ErrorCode::invalid_request, "tool_choice", "tool_choice needs tools");
  };
  if (value == "auto") return ToolChoice{};
  if (value == "none") return ToolChoice{.kind = Kind::none};
  if (value == "required" || value == "any") return check_some({.kind = Kind::required});
  if (value.is_object()) {
    const auto function = value.find("function");
    const Json& holder = function != value.end() ? *function : value;
    const auto name = holder.is_object() ? holder.find("name") : holder.end();
    if (holder.is_object() && name != holder.end() && name->is_string()) {
      if (find_tool(tools, name->get<std::string>()) == nullptr) {
        return fail(ErrorCode::invalid_request, "tool_choice", "tool_choice names '{}', which is none of the tools",
                    name->get<std::string>());
      }
      return check_some({.kind = Kind::named, .name = name->get<std::string>()});
    }
  }
  return fail(
      ErrorCode::invalid_request, "tool_choice",
      "tool_choice must be auto, none, required or {{\"type\": \"function\", \"function\": {{\"name\": ...}}}}, got {}",
      to_text(value));
}

Result<void> check_tools(const Json& tools) {
  for (size_t i = 0; i < tools.size(); ++i) {
    const Json& tool = tools[i];
    const auto type = tool.find("type");
    const auto function = tool.find("function");
    if (type == tool.end() || *type != "function") {
      return fail(ErrorCode::invalid_request, fmt::format("tools[{}].type", i), "tools[{}].type must be function", i);
    }
    const auto name = function != tool.end() && function->is_object() ? function->find("name") : tool.end();
    if (function == tool.end() || !function->is_object() || name == function->end() || !name->is_string() ||
        name->get_ref<const std::string&>().empty()) {
      return fail(ErrorCode::invalid_request, fmt::format("tools[{}].function.name", i),
                  "tools[{}].function.name is required, a string", i);
    }
  }
  return {};
}

Result<Constraint> force_calls(const std::string& dialect, const Json& tools, const ToolChoice& choice, bool parallel) {
  const text::Dialect* row = text::find_dialect(dialect);
  if (row == nullptr || row->call_begin == nullptr) {
    return fail(ErrorCode::invalid_request, "tool_choice",
                "calls in the dialect '{}' cannot be forced; tool_choice must be auto or none", dialect);
  }
  StructuralTagConstraint constraint{.tags = {}, .required = true, .parallel = parallel};
  for (const Json& tool : tools) {
    const Json& function = tool["function"];
    const auto name = function["name"].get<std::string>();
    if (choice.kind == ToolChoice::Kind::named && choice.name != name) continue;
    constraint.tags.push_back({.begin = row->call_begin + to_text(Json(name)) + row->call_middle,
                               .schema = to_text(schema_of(function)),
                               .end = row->call_end});
  }
  return Constraint{std::move(constraint)};
}

ParserFactory make_parser(const ModelInfo& info, const Json& tools, const std::string& rendered_prompt) {
  const text::Dialect* dialect = text::find_dialect(info.tool_dialect);
  text::AnswerOptions options{.thinks = info.thinks, .begins_in_reasoning = false, .tools = {}};
  if (info.thinks) options.begins_in_reasoning = text::ends_in_reasoning(rendered_prompt);
  if (tools.is_array()) {
    for (const Json& tool : tools) {
      const Json& function = tool["function"];
      options.tools.push_back({.name = function["name"].get<std::string>(), .parameters = schema_of(function)});
    }
  }
  const bool structured = dialect != nullptr && (dialect->structures_all || !options.tools.empty());
  if (!structured && !options.thinks) return {};
  return [dialect = structured ? dialect : nullptr, options] { return text::make_answer_parser(dialect, options); };
}

}  // namespace mlxserving::api
