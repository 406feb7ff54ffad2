#include "api/generate_params.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "api/structured_output.h"
#include "sampling/knobs.h"
#include "schema/read.h"

namespace mlxserving::api {
namespace {

using schema::Reader;

constexpr std::string_view kGuidanceModes[] = {"json_schema", "xml", "regex", "choice", "gbnf", "lark"};

const schema::Message& generate_message() {
  static const schema::Message& message = *schema::find_message("GenerateParams");
  return message;
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
  const auto mode = asked.get<std::string>("mode");
  if (std::ranges::find(kGuidanceModes, mode) == std::end(kGuidanceModes)) {
    return guidance_failed(generation.model_id, fmt::format("Unsupported guidance mode: {} (there are {})", mode,
                                                            fmt::join(kGuidanceModes, ", ")));
  }
  auto constraint = make_constraint(mode, schema, "Schema of mode " + mode);
  if (!constraint) return guidance_failed(generation.model_id, constraint.error().message);
  generation.request.constraint = std::move(*constraint);
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
