#include "api/request_reader.h"

#include <chrono>
#include <mutex>
#include <random>
#include <type_traits>

#include "core/result.h"
#include "sampling/knobs.h"
#include "schema/validate.h"

namespace mlxserving::api {
namespace {

constexpr int kDepthMax = 64;

std::string allowed_fields(const schema::Message& message) {
  std::string names;
  for (const schema::Field& field : schema::fields_of(message)) {
    names += (names.empty() ? "" : ", ") + std::string(field.name);
  }
  return names;
}

}  // namespace

Result<Json> read_body(const std::string& body, const schema::Message& message) {
  MLXS_TRY(Json value, parse_json(body, "the body", {.bytes_max = size_t{1} << 32, .depth_max = kDepthMax}));
  if (!value.is_object()) {
    return fail(ErrorCode::invalid_request, "", "the body must be a JSON object, got {}", value.type_name());
  }
  for (const auto& [name, item] : value.items()) {
    if (schema::find_field(message, name) != nullptr) continue;
    return fail(ErrorCode::invalid_request, name, "{} is not supported here; the fields are: {}", name,
                allowed_fields(message));
  }
  MLXS_TRY(schema::Parsed parsed, schema::parse(value, message));
  return std::move(parsed.value);
}

Result<SamplingParams> read_sampling(const Json& body, const schema::Message& message) {
  SamplingParams sampling;
  for (const Knob& knob : kKnobs) {
    const auto found = body.find(knob.name);
    if (found == body.end() || found->is_null()) continue;
    // A field of the knob's name but another type is its endpoint's own (logprobs of /v1/completions).
    const schema::Field* field = schema::find_field(message, knob.name);
    const bool is_flag = std::holds_alternative<KnobMember<bool>>(knob.field);
    if (field == nullptr || (is_flag && field->type.kind != schema::Kind::boolean)) continue;
    MLXS_CHECKED(sampling::read_knob(sampling, knob, *found));
  }
  return sampling;
}

Result<void> refuse_logprobs(const SamplingParams& sampling) {
  if (!sampling.logprobs && sampling.top_logprobs == 0) return {};
  return fail(ErrorCode::invalid_request, "logprobs", "logprobs are not reported in this form of answers");
}

void read_common(const schema::Reader& reader, const std::string& id, GenerateRequest& request) {
  const auto priority = reader.maybe<std::string>("priority");
  if (priority == "high") request.priority = Priority::high;
  if (priority == "low") request.priority = Priority::low;
  request.timeouts.request_ms = reader.maybe<int64_t>("timeout_ms").value_or(0);
  request.id = id;
}

Result<bool> read_include_usage(const schema::Reader& reader, bool streamed) {
  if (!reader.has("stream_options")) return false;
  if (!streamed) {
    return fail(ErrorCode::invalid_request, "stream_options", "stream_options is allowed only with stream true");
  }
  return reader.inside("stream_options").maybe<bool>("include_usage").value_or(false);
}

std::vector<Prompt> read_prompts(const Json& value) {
  if (value.is_string()) return {TextPrompt{value.get<std::string>()}};
  if (!value.empty() && value.front().is_number()) return {TokenPrompt{value.get<std::vector<int32_t>>()}};
  std::vector<Prompt> prompts;
  for (const Json& item : value) {
    if (item.is_string()) {
      prompts.emplace_back(TextPrompt{item.get<std::string>()});
    } else {
      prompts.emplace_back(TokenPrompt{item.get<std::vector<int32_t>>()});
    }
  }
  return prompts;
}

Json to_json(const SamplingParams& sampling) {
  Json out = Json::object();
  const auto show = [](const auto& value) -> Json {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, SamplerOrder>) {
      return sampling::to_string(value);
    } else if constexpr (std::is_same_v<T, std::vector<TokenBias>>) {
      Json biases = Json::object();
      for (const TokenBias& bias : value) biases[std::to_string(bias.token)] = bias.bias;
      return biases;
    } else if constexpr (std::is_same_v<T, std::optional<int32_t>> || std::is_same_v<T, std::optional<int64_t>>) {
      return value ? Json(*value) : Json(nullptr);
    } else {
      return value;
    }
  };
  for (const Knob& knob : kKnobs) {
    out[knob.name] = std::visit([&](auto member) { return show(sampling.*member); }, knob.field);
  }
  return out;
}

Error rename_param(Error error, const std::vector<Renamed>& names) {
  for (const auto& [engine, wire] : names) {
    const std::string_view name = engine;
    if (!error.param.starts_with(name)) continue;
    if (error.param.size() > name.size() && error.param[name.size()] != '[' && error.param[name.size()] != '.')
      continue;
    if (error.message.starts_with(error.param + " ")) error.message.replace(0, name.size(), wire);
    error.param.replace(0, name.size(), wire);
    break;
  }
  return error;
}

std::string make_id(const char* prefix) {
  static std::mutex mutex;
  static std::mt19937_64 random{std::random_device{}()};
  const std::lock_guard lock(mutex);
  return fmt::format("{}{:016x}{:08x}", prefix, random(), static_cast<uint32_t>(random()));
}

int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace mlxserving::api
