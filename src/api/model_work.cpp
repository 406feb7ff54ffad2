// load_model, unload_model, check_draft.
#include <fmt/format.h>

#include <algorithm>

#include "api/model_directory.h"
#include "api/rpc_work.h"
#include "schema/read.h"

namespace mlxserving::api {
namespace {

using schema::Reader;

// The host keeps one directory a name: a model that is loaded from another place is replaced.
Result<std::shared_ptr<Engine>> load(const Services& services, const std::string& id, const std::string& directory,
                                     const EngineOptions& options) {
  for (const ModelStatus& status : services.host.list()) {
    const bool is_replaced = status.id == id && status.directory != directory && status.state == ModelState::ready;
    if (is_replaced) (void)services.host.unload(id);  // not there any more is as good
  }
  return services.host.load(id, directory, options);
}

// As the checkpoint's own config says.
std::string stored_dtype(const std::string& directory, const std::string& otherwise) {
  const Result<Json> config = read_json_file(directory + "/config.json");
  if (!config || !config->is_object()) return otherwise;
  for (const char* name : {"dtype", "torch_dtype"}) {
    const auto found = config->find(name);
    if (found != config->end() && found->is_string()) return found->get<std::string>();
  }
  return otherwise;
}

Json describe(const Services& services, const std::string& id, const ModelPlace& place, const ModelInfo& info) {
  Json result = {{"model_id", id},
                 {"state", "ready"},
                 {"context_length", info.context_tokens_max},
                 {"parameter_count", info.parameter_count},
                 {"dtype", stored_dtype(place.directory, services.settings.default_dtype)},
                 {"is_vision_model", false},
                 {"memory_usage", info.weight_bytes + info.kv_bytes}};
  if (place.is_from_hub) result["cached_path"] = place.directory;
  return result;
}

void log_unused(const Services& services, const std::string& id, const Reader& params) {
  const auto quantization = params.maybe<std::string>("quantization");
  if (!quantization || *quantization == "none") return;
  services.log.write(telemetry::Level::warn, "option has no effect",
                     {{"correlation_id", services.correlation_id},
                      {"model", id},
                      {"option", "quantization"},
                      {"value", *quantization},
                      {"reason", "weights are used as they are stored; see mlx-serving quantize"}});
}

// "1,234,567"
std::string with_thousands(int64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

Json draft_side(const std::string& id, const ModelInfo& info) {
  return {{"id", id},
          {"vocab_size", info.vocabulary_size},
          {"parameter_count", info.parameter_count},
          {"architecture", info.architecture}};
}

// What a draft of that size may bring, in the words that clients know.
Json draft_estimate(const ModelInfo& primary, const ModelInfo& draft, bool compatible) {
  if (primary.parameter_count == 0 || draft.parameter_count == 0) {
    return {{"expected_speedup", "1.00x"},
            {"size_ratio", "N/A"},
            {"recommendation", "May not provide significant speedup"}};
  }
  const double ratio = static_cast<double>(draft.parameter_count) / static_cast<double>(primary.parameter_count);
  const bool good = compatible && ratio < 0.5;
  return {{"expected_speedup", fmt::format("{:.2f}x", std::max(1.0, 1 + (1 - ratio) * 0.3))},
          {"size_ratio", fmt::format("{:.1f}%", ratio * 100)},
          {"recommendation", good ? "Good pairing" : "May not provide significant speedup"}};
}

Json compare(const std::string& primary_id, const ModelInfo& primary, const std::string& draft_id,
             const ModelInfo& draft) {
  Json errors = Json::array();
  Json warnings = Json::array();
  if (primary.vocabulary_size != draft.vocabulary_size) {
    errors.push_back(
        fmt::format("Vocabulary size mismatch: primary={}, draft={}. Speculative decoding requires "
                    "identical vocabulary.",
                    primary.vocabulary_size, draft.vocabulary_size));
  }
  if (primary.architecture != draft.architecture) {
    warnings.push_back(
        fmt::format("Architecture mismatch: primary={}, draft={}", primary.architecture, draft.architecture));
  }
  if (draft.parameter_count >= primary.parameter_count) {
    warnings.push_back(fmt::format("Draft model is not smaller than primary: draft={}, primary={}",
                                   with_thousands(draft.parameter_count), with_thousands(primary.parameter_count)));
  }
  const bool compatible = errors.empty();
  return {{"compatible", compatible},
          {"errors", std::move(errors)},
          {"warnings", std::move(warnings)},
          {"details",
           {{"primary_model", draft_side(primary_id, primary)},
            {"draft_model", draft_side(draft_id, draft)},
            {"performance_estimate", draft_estimate(primary, draft, compatible)}}}};
}

}  // namespace

Outcome load_model(const Services& services, const Json& params) {
  const Reader reader(*schema::find_message("LoadModelParams"), params);
  const auto id = reader.get<std::string>("model_id");
  log_unused(services, id, reader);
  const auto place = find_model(id, reader.maybe<std::string>("local_path"), reader.maybe<std::string>("revision"),
                                services.settings.trusted_model_directories);
  if (!place) return {load_failed(id, place.error().message)};
  EngineOptions options = services.host.options().engine;
  options.context_tokens_max = reader.maybe<int32_t>("context_length").value_or(options.context_tokens_max);
  const bool is_there = services.host.get(id).ok();
  const auto engine = load(services, id, place->directory, options);
  if (!engine) {
    services.log.write(telemetry::Level::error, "model load failed",
                       {{"correlation_id", services.correlation_id},
                        {"model", id},
                        {"directory", place->directory},
                        {"fault", engine.error().message}});
    return {load_failed(id, engine.error().message)};
  }
  services.log.write(telemetry::Level::info, "model loaded",
                     {{"correlation_id", services.correlation_id}, {"model", id}, {"directory", place->directory}});
  return {.reply = describe(services, id, *place, (*engine)->info()), .loaded = !is_there};
}

Outcome unload_model(const Services& services, const Json& params) {
  const auto id = Reader(*schema::find_message("UnloadModelParams"), params).get<std::string>("model_id");
  const Result<void> unloaded = services.host.unload(id);
  if (unloaded)
    services.log.write(telemetry::Level::info, "model unloaded",
                       {{"correlation_id", services.correlation_id}, {"model", id}});
  if (!unloaded && unloaded.error().code != ErrorCode::not_found) {
    return {rpc_error(RpcCode::runtime_error, unloaded.error().message, {{"model_id", id}})};
  }
  return {Json{{"success", true}}};
}

Outcome load_vision_model(const Services&, const Json& params) {
  const auto id = Reader(*schema::find_message("LoadVisionModelParams"), params).get<std::string>("model_id");
  return {load_failed(id, "this version runs text models only; load it with load_model to use its text part")};
}

Outcome generate_with_image(const Services& services, const Json& params) {
  const auto id = Reader(*schema::find_message("GenerateWithImageParams"), params).get<std::string>("model_id");
  if (!services.host.get(id)) return {not_loaded(id)};
  return {rpc_error(RpcCode::generation_error,
                    fmt::format("Generation failed for {}: this version runs text models only and reads no images", id),
                    {{"model_id", id}})};
}

Outcome check_draft(const Services& services, const Json& params) {
  const Reader reader(*schema::find_message("CheckDraftParams"), params);
  const auto primary_id = reader.get<std::string>("primary_id");
  const auto draft_id = reader.get<std::string>("draft_id");
  const auto primary = services.host.get(primary_id);
  if (!primary) return {not_loaded(primary_id)};
  const auto draft = services.host.get(draft_id);
  if (!draft) return {not_loaded(draft_id)};
  return {compare(primary_id, (*primary)->info(), draft_id, (*draft)->info())};
}

}  // namespace mlxserving::api
