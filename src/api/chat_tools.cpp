#include "api/chat_tools.h"

#include <map>
#include <string_view>
#include <utility>

#include "api/content_text.h"
#include "core/result.h"
#include "text/dialects/dialects.h"

namespace mlxserving::api {
namespace {

Json schema_of(const Json& function) {
  const auto parameters = function.find("parameters");
  if (parameters != function.end() && parameters->is_object()) return *parameters;
  return {{"type", "object"}};
}

bool is_strict(const Json& tool) {
  const auto strict = tool["function"].find("strict");
  return strict != tool["function"].end() && *strict == true;
}

std::optional<size_t> first_strict(const Json& tools) {
  for (size_t i = 0; i < tools.size(); ++i) {
    if (is_strict(tools[i])) return i;
  }
  return std::nullopt;
}

const Json* find_tool(const Json& tools, const std::string& name) {
  if (!tools.is_array()) return nullptr;
  for (const Json& tool : tools) {
    if (tool["function"]["name"] == name) return &tool;
  }
  return nullptr;
}

Error not_forced(const std::string& dialect) {
  return fail(ErrorCode::invalid_request, "tool_choice",
              "calls in the dialect '{}' cannot be forced; tool_choice must be auto or none", dialect);
}

Error not_strict(const std::string& dialect, size_t tool, std::string_view needed) {
  const std::string param = fmt::format("tools[{}].function.strict", tool);
  return fail(ErrorCode::invalid_request, param,
              "{} needs {} in the dialect '{}': among free text its calls cannot be held to a schema", param, needed,
              dialect);
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
  const auto wrong = [](size_t i, const char* field, const char* wanted) {
    const std::string param = fmt::format("tools[{}].{}", i, field);
    return fail(ErrorCode::invalid_request, param, "{} {}", param, wanted);
  };
  for (size_t i = 0; i < tools.size(); ++i) {
    const Json& tool = tools[i];
    if (text_member(tool, "type") != "function") return wrong(i, "type", "must be function");
    const auto function = tool.find("function");
    if (function == tool.end() || text_member(*function, "name").empty()) {
      return wrong(i, "function.name", "is required, a string");
    }
    const Json parameters = function->value("parameters", Json(nullptr));
    if (!parameters.is_object() && !parameters.is_null()) {
      return wrong(i, "function.parameters", "must be a JSON Schema, an object");
    }
    const Json strict = function->value("strict", Json(nullptr));
    if (!strict.is_boolean() && !strict.is_null()) return wrong(i, "function.strict", "must be a boolean");
  }
  return {};
}

Result<Constraint> call_constraint(const std::string& dialect, const Json& tools, const ToolChoice& choice,
                                   bool parallel) {
  const bool forced = choice.kind != ToolChoice::Kind::automatic;
  const std::optional<size_t> strict = first_strict(tools);
  if (!forced && !strict) return Constraint{};
  const text::Dialect* row = text::find_dialect(dialect);
  if (row == nullptr || row->call_begin == nullptr) {
    return forced ? not_forced(dialect) : not_strict(dialect, *strict, "another model");
  }
  StructuralTagConstraint constraint{.tags = {}, .required = forced, .parallel = parallel};
  if (!forced) {
    const std::string mark = text::call_mark(*row);
    if (mark.empty()) return not_strict(dialect, *strict, "tool_choice required or a function's");
    constraint.triggers = {mark};
  }
  for (const Json& tool : tools) {
    const Json& function = tool["function"];
    const auto name = function["name"].get<std::string>();
    if (choice.kind == ToolChoice::Kind::named && choice.name != name) continue;
    const bool is_held = forced || is_strict(tool);
    constraint.tags.push_back({.begin = row->call_begin + to_text(Json(name)) + row->call_middle,
                               .schema = is_held ? to_text(schema_of(function)) : R"({"type": "object"})",
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
