#include "format/model_weights.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>

#include "core/json.h"
#include "core/result.h"
#include "format/model_directory.h"

namespace mlxserving::format {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kIndexName = "model.safetensors.index.json";
constexpr std::string_view kSuffix = ".safetensors";

using WeightMap = std::map<std::string, std::string>;  // tensor → shard

// A shard is a file beside the index; anything that could leave the folder is refused.
bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name.find_first_of("/\\") == std::string::npos && name != "." && name != "..";
}

Result<WeightMap> read_index(const std::string& path) {
  MLXS_TRY(const Json index, read_json_file(path));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return fail(ErrorCode::invalid_model, path, "{}: needs an object weight_map", path);
  }
  WeightMap map;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get<std::string>())) {
      return fail(ErrorCode::invalid_model, tensor, "{}: weight_map.{} must be a file name, found {}", path, tensor,
                  to_text(shard));
    }
    map.emplace(tensor, shard.get<std::string>());
  }
  if (map.empty()) return fail(ErrorCode::invalid_model, path, "{}: weight_map names no tensors", path);
  return map;
}

std::vector<std::string> sorted_names(const fs::path& directory, const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(directory, ec)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(kSuffix) && !name.starts_with(".") && wanted(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> shards_without_index(const fs::path& directory) {
  std::vector<std::string> names =
      sorted_names(directory, [](std::string_view name) { return name.starts_with("model"); });
  if (!names.empty()) return names;
  return sorted_names(directory, [](std::string_view name) {
    return !name.starts_with("consolidated") && !name.starts_with("adapter");
  });
}

Result<void> check_against_index(const ModelWeights& weights, const fs::path& directory, const WeightMap& map) {
  for (const auto& [tensor, shard] : map) {
    const auto found = weights.shard_of.find(tensor);
    if (found != weights.shard_of.end() && found->second == shard) continue;
    return fail(ErrorCode::invalid_model, tensor, "{}: {} expects tensor {} in {}, found it {}", directory.string(),
                kIndexName, tensor, shard, weights.find(tensor) == nullptr ? "nowhere" : "in " + found->second);
  }
  return {};
}

Result<void> check_shards_exist(const fs::path& directory, const WeightMap& map,
                                const std::vector<std::string>& shards) {
  for (const std::string& shard : shards) {
    std::error_code ec;
    if (fs::exists(directory / shard, ec)) continue;
    const auto named = std::count_if(map.begin(), map.end(), [&](const auto& row) { return row.second == shard; });
    return fail(ErrorCode::invalid_model, shard,
                "{}: {} expects {} tensors in {}, but there is no such file: incomplete download?", directory.string(),
                kIndexName, named, shard);
  }
  return {};
}

}  // namespace

Result<ModelWeights> open_model_weights(const std::string& directory, const SafetensorsLimits& limits) {
  const fs::path folder(directory);
  std::error_code ec;
  MLXS_CHECKED(check_model_directory(directory));
  const fs::path index = folder / kIndexName;
  std::optional<WeightMap> map;
  std::vector<std::string> shards;
  if (fs::exists(index, ec)) {
    MLXS_TRY(map, read_index(index.string()));
    for (const auto& [tensor, shard] : *map) shards.push_back(shard);
    std::sort(shards.begin(), shards.end());
    shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
    MLXS_CHECKED(check_shards_exist(folder, *map, shards));
  } else {
    shards = shards_without_index(folder);
  }
  if (shards.empty()) {
    return fail(ErrorCode::not_found, directory, "{}: no weights: expected {} or model*.safetensors", directory,
                kIndexName);
  }

  ModelWeights weights;
  weights.directory = directory;
  for (const std::string& shard : shards) {
    weights.files.push_back((folder / shard).string());
    MLXS_TRY(SafetensorsFile file, open_safetensors(weights.files.back(), limits));
    for (Tensor& tensor : file.tensors) {
      const auto [first, added] = weights.shard_of.emplace(tensor.name, shard);
      if (!added) {
        return fail(ErrorCode::invalid_model, tensor.name, "{}: tensor {} is in two shards, {} and {}", directory,
                    tensor.name, first->second, shard);
      }
      std::string name = tensor.name;
      weights.tensors.emplace(std::move(name), std::move(tensor));
    }
  }
  if (map) MLXS_CHECKED(check_against_index(weights, folder, *map));
  return weights;
}

}  // namespace mlxserving::format
