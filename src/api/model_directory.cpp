#include "api/model_directory.h"

#include <algorithm>
#include <filesystem>

#include "core/environment.h"
#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

namespace fs = std::filesystem;

fs::path hub_cache() {
  if (const auto cache = environment_variable("HF_HUB_CACHE")) return *cache;
  if (const auto home = environment_variable("HF_HOME")) return fs::path(*home) / "hub";
  return fs::path(environment_variable("HOME").value_or("/")) / ".cache" / "huggingface" / "hub";
}

// models--org--name/refs/<revision> holds the commit, snapshots/<commit> the files.
fs::path hub_snapshot(const std::string& model_id, const std::string& revision) {
  std::string folder = "models--";
  for (const char c : model_id) folder += c == '/' ? "--" : std::string(1, c);
  const fs::path repository = hub_cache() / folder;
  Result<std::string> commit = read_file((repository / "refs" / revision).string(), 1024);
  if (!commit) return repository / "snapshots" / revision;
  commit->erase(std::min(commit->find_last_not_of(" \r\n") + 1, commit->size()));
  return repository / "snapshots" / *commit;
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [end, unused] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() || (end->empty() && std::next(end) == folder.end());  // a trailing slash
}

Result<void> check_trusted(const fs::path& directory, const std::optional<std::vector<std::string>>& trusted) {
  if (!trusted) return {};
  std::string listed;
  for (const std::string& folder : *trusted) {
    std::error_code error;
    if (is_inside(directory, fs::weakly_canonical(folder, error))) return {};
    listed += (listed.empty() ? "" : ", ") + folder;
  }
  return fail(ErrorCode::invalid_request, "local_path",
              "Path traversal detected: {} is not within trusted directories: [{}]", directory.string(), listed);
}

Result<fs::path> existing_directory(const fs::path& path) {
  std::error_code error;
  if (!path.is_absolute()) {
    return fail(ErrorCode::invalid_request, "local_path", "Path must be absolute: {}", path.string());
  }
  if (fs::is_symlink(path, error) && !fs::exists(path, error)) {
    return fail(ErrorCode::not_found, "local_path", "Invalid or broken symbolic link: {}", path.string());
  }
  if (!fs::exists(path, error)) {
    return fail(ErrorCode::not_found, "local_path", "Local path does not exist: {}", path.string());
  }
  if (!fs::is_directory(path, error)) {
    return fail(ErrorCode::invalid_request, "local_path", "Local path is not a directory: {}", path.string());
  }
  return fs::canonical(path);
}

}  // namespace

Result<ModelPlace> find_model(const std::string& model_id, const std::optional<std::string>& local_path,
                              const std::optional<std::string>& revision,
                              const std::optional<std::vector<std::string>>& trusted) {
  ModelPlace place;
  fs::path path;
  std::error_code error;
  if (local_path) {
    path = *local_path;
  } else if (fs::is_directory(model_id, error)) {
    path = fs::absolute(model_id);
  } else {
    path = hub_snapshot(model_id, revision.value_or("main"));
    place.is_from_hub = true;
    if (!fs::is_directory(path, error)) {
      return fail(
          ErrorCode::not_found, "model_id",
          "Model path not found: {} is neither a directory nor in Hugging Face's cache ({}); fetch it first, or "
          "give its directory as local_path",
          model_id, hub_cache().string());
    }
  }
  MLXS_TRY(const fs::path directory, existing_directory(path));
  // What lies in the hub's cache was put there by its own user.
  if (!place.is_from_hub) MLXS_CHECKED(check_trusted(directory, trusted));
  place.directory = directory.string();
  return place;
}

}  // namespace mlxserving::api
