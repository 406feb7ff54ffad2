// Where a model lies on disk, by the name or path that a client gives.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::api {

struct ModelPlace {
  std::string directory;     // absolute, links resolved
  bool is_from_hub = false;  // found in Hugging Face's cache
};

// `local_path`, when given, is the directory. Otherwise `model_id` is a directory, or the name of a repository in
// Hugging Face's cache (HF_HUB_CACHE, HF_HOME or ~/.cache/huggingface) at `revision`. `trusted`, when given, are the
// only folders in which models may lie. Errors: not_found or invalid_request; the message is the reason alone.
Result<ModelPlace> find_model(const std::string& model_id, const std::optional<std::string>& local_path,
                              const std::optional<std::string>& revision,
                              const std::optional<std::vector<std::string>>& trusted);

}  // namespace mlxserving::api
