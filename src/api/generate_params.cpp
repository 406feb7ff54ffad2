#include "api/generate_params.h"

#include <fmt/format.h>

#include "sampling/knobs.h"
#include "schema/read.h"

namespace mlxserving::api {
namespace {

using schema::Reader;

const schema::Message& generate_message() {
  static const schema::Message& message = *schema::find_message("GenerateParams");
  return message;
}

// Guidance as the engine has it, or why not.
struct Guidance {
  Constraint constraint;
  std::string fault;
};

Guidance xml_guidance(const Json& schema) {
  if (!schema.is_string()) return {.constraint = {}, .fault = "Schema of mode xml must be a string"};
  const auto& text = schema.get_ref<const std::string&>();
  if (text.empty()) return {XmlConstraint{}, ""};
  const bool is_schema = text.find("http://www.w3.org/2001/XMLSchema") != std::string::npos;
  return {XmlConstraint{is_schema ? XmlConstraint::Form::schema : XmlConstraint::Form::model, text}, ""};
}

Guidance choice_guidance(const Json& schema) {
  ChoiceConstraint choices;
  if (!schema.is_array()) return {.constraint = {}, .fault = "Schema of mode choice must be a list of strings"};
  for (const Json& text : schema) {
    if (!text.is_string()) return {.constraint = {}, .fault = "Schema of mode choice must be a list of strings"};
    choices.texts.push_back(text.get<std::string>());
  }
  return {std::move(choices), ""};
}

Guidance guidance(const std::string& mode, const Json& schema) {
  if (mode == "xml") return xml_guidance(schema);
  if (mode == "choice") return choice_guidance(schema);
  if (mode == "json_schema") {
    if (!schema.is_object()) return {.constraint = {}, .fault = "Schema of mode json_schema must be an object"};
    return {JsonSchemaConstraint{to_text(schema)}, ""};
  }
  const bool takes_text = mode == "regex" || mode == "gbnf" || mode == "lark";
  if (!takes_text) {
    return {.constraint = {},
            .fault = fmt::format(
                "Unsupported guidance mode: {} (there are json_schema, xml, regex, choice, gbnf, lark)", mode)};
  }
  if (!schema.is_string()) return {.constraint = {}, .fault = fmt::format("Schema of mode {} must be a string", mode)};
  auto text = schema.get<std::string>();
  if (mode == "regex") return {RegexConstraint{std::move(text)}, ""};
  if (mode == "gbnf") return {GbnfConstraint{std::move(text)}, ""};
  return {LarkConstraint{std::move(text)}, ""};
}

std::optional<RpcError> read_guidance(const Reader& params, Generation& generation,
                                      const config::RuntimeSettings& settings) {
  if (!params.has("guidance")) return std::nullopt;
  const Reader asked = params.inside("guidance");
  const Json& schema = asked.json("schema");
  const size_t bytes = to_text(schema).size();
  if (bytes > static_cast<size_t>(settings.max_schema_bytes)) {
    return guidance_failed(generation.model_id,
                           fmt::format("Schema too large ({} bytes, max {})", bytes, settings.max_schema_bytes));
  }
  Guidance read = guidance(asked.get<std::string>("mode"), schema);
  if (!read.fault.empty()) return guidance_failed(generation.model_id, read.fault);
  generation.request.constraint = std::move(read.constraint);
  return std::nullopt;
}

Prompt read_prompt(const Reader& params) {
  if (params.has("prompt_tokens")) return TokenPrompt{params.get<std::vector<int32_t>>("prompt_tokens")};
  return TextPrompt{params.get<std::string>("prompt")};
}

Priority read_priority(const Reader& params) {
  const auto name = params.get<std::string>("priority");
  return name == "high" ? Priority::high : name == "low" ? Priority::low : Priority::normal;
}

}  // namespace

std::variant<Generation, RpcError> to_generation(const Json& params, const GenerateDefaults& defaults,
                                                 const config::RuntimeSettings& settings) {
  const Reader reader(generate_message(), params);
  Generation generation{.model_id = reader.get<std::string>("model_id")};
  if (auto fault = read_guidance(reader, generation, settings)) return *fault;
  GenerateRequest& request = generation.request;
  Result<SamplingParams> sampling = sampling::read_knobs(params);
  if (!sampling) return invalid_param(sampling.error().param, sampling.error().message);
  request.sampling = std::move(*sampling);
  if (!reader.has("temperature")) request.sampling.temperature = defaults.temperature;
  if (!reader.has("max_tokens")) request.sampling.max_tokens = static_cast<int32_t>(settings.default_max_tokens);
  if (reader.has("stop_sequences")) request.sampling.stop = reader.get<std::vector<std::string>>("stop_sequences");
  request.prompt = read_prompt(reader);
  request.raw = reader.get<bool>("raw");
  request.priority = read_priority(reader);
  request.timeouts.request_ms = reader.maybe<int64_t>("timeout_ms").value_or(0);
  generation.style.streaming = reader.get<bool>("streaming");
  generation.style.credit = reader.maybe<uint64_t>("credit");
  generation.style.top_logprobs = request.sampling.top_logprobs > 0;
  return generation;
}

}  // namespace mlxserving::api
