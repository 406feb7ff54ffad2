// `mlx-serving template`: renders chat templates. With --cases it is a parity tool: any template, any context, JSON
// lines in and out.
#include <cstdio>
#include <ctime>
#include <iostream>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/input.h"
#include "core/json.h"
#include "core/read_file.h"
#include "core/result.h"
#include "text/chat_template.h"
#include "text/jinja/template.h"

namespace mlxserving::cli {
namespace {

using text::ChatTemplate;
using text::jinja::Rendered;
using text::jinja::RenderOptions;
using text::jinja::Template;

struct Options {
  std::string model;
  std::string messages;
  std::string tools;
  std::string documents;
  std::string kwargs;
  std::string name;
  std::string cases;
  std::string now;
  bool no_generation_prompt = false;
  bool continue_final_message = false;
  bool json = false;
};

// "2024-07-26T09:05:03", or the machine's local time when empty.
Result<std::tm> clock_of(const std::string& now) {
  if (now.empty()) return text::jinja::local_time_now();
  std::tm time{};
  const char* end = strptime(now.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
  if (end == nullptr || *end != '\0') {
    return fail(ErrorCode::invalid_request, "--now", "--now must look like 2024-07-26T09:05:03, got {}", now);
  }
  return time;
}

// One case in, one case out: {"k", "template", "context"} to {"k", "out"} or {"k", "err"}.
Result<Json> run_case(const std::string& line, const std::string& where, const RenderOptions& options) {
  MLXS_TRY(const Json input, parse_json(line, where, {.depth_max = 512}));
  const auto field = [&](const char* name) {
    return input.is_object() && input.contains(name) ? &input[name] : nullptr;
  };
  const Json* source = field("template");
  if (source == nullptr || !source->is_string()) {
    return fail(ErrorCode::invalid_request, where, "{}: \"template\" must be a string", where);
  }
  const Json* context = field("context");
  if (context == nullptr || !context->is_object()) {
    return fail(ErrorCode::invalid_request, where, "{}: \"context\" must be an object", where);
  }
  Json output = Json::object();
  output["k"] = field("k") != nullptr ? *field("k") : Json();
  const auto parsed = Template::parse(source->get_ref<const std::string&>());
  if (!parsed) {
    output["err"] = parsed.error().message;
    return output;
  }
  const Result<Rendered> rendered = parsed->render(*context, options);
  if (rendered) {
    output["out"] = rendered->text;
  } else {
    output["err"] = rendered.error().message;
  }
  return output;
}

Result<int> run_cases(const Options& options, const RenderOptions& render) {
  return answer_lines(options.cases,
                      [&](const std::string& line, const std::string& where) { return run_case(line, where, render); });
}

Json spans_of(const Rendered& rendered) {
  Json spans = Json::array();
  for (const auto& span : rendered.spans)
    spans.push_back({{"begin", span.begin}, {"end", span.end}, {"trusted", span.trusted}});
  return spans;
}

Result<text::ChatRequest> request_of(const Options& options) {
  text::ChatRequest request;
  MLXS_TRY(request.messages, read_json_file(options.messages));
  if (!options.tools.empty()) {
    MLXS_TRY(request.tools, read_json_file(options.tools));
  }
  if (!options.documents.empty()) {
    MLXS_TRY(request.documents, read_json_file(options.documents));
  }
  if (!options.kwargs.empty()) {
    MLXS_TRY(request.kwargs, parse_json(options.kwargs, "--kwargs"));
  }
  request.template_name = options.name;
  request.add_generation_prompt = !options.no_generation_prompt && !options.continue_final_message;
  request.continue_final_message = options.continue_final_message;
  return request;
}

Result<int> run_model(const Options& options, const RenderOptions& render) {
  if (options.model.empty() || options.messages.empty()) {
    return wrong_usage("give MODEL and --messages FILE.json, or --cases FILE.jsonl");
  }
  MLXS_TRY(const ChatTemplate chat_template, ChatTemplate::load(options.model));
  MLXS_TRY(text::ChatRequest request, request_of(options));
  request.now = render.now;
  MLXS_TRY(const Rendered rendered, chat_template.render(request));
  if (options.json) {
    std::cout << to_text({{"text", rendered.text}, {"spans", spans_of(rendered)}}) << std::endl;
  } else {
    std::cout << rendered.text << std::flush;
  }
  return kExitOk;
}

}  // namespace

Runner declare_template(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("model", options->model, "Model directory whose chat template to render.");
  command.add_option("--messages", options->messages, "JSON file with the list of messages.");
  command.add_option("--tools", options->tools, "JSON file with the list of tools.");
  command.add_option("--documents", options->documents, "JSON file with the list of documents.");
  command.add_option("--kwargs", options->kwargs,
                     "More template variables, as a JSON object: '{\"enable_thinking\":false}'.");
  command.add_option("--name", options->name, "Which of the model's templates, when it has several.");
  command.add_flag("--no-generation-prompt", options->no_generation_prompt, "End after the last message.");
  command.add_flag("--continue", options->continue_final_message, "Leave the last message open, to be continued.");
  command.add_flag("--json", options->json, "Print text and trusted spans as one JSON object.");
  command.add_option("--now", options->now, "The time templates see, as 2024-07-26T09:05:03; default: the local time.");
  command.add_option("--cases", options->cases,
                     "JSON lines, - for standard input: {\"k\", \"template\", \"context\"}; prints {\"k\", \"out\"} or "
                     "{\"k\", \"err\"} for each.");
  return [options]() -> Result<int> {
    RenderOptions render;
    MLXS_TRY(render.now, clock_of(options->now));
    return options->cases.empty() ? run_model(*options, render) : run_cases(*options, render);
  };
}

}  // namespace mlxserving::cli
