#include "format/model_directory.h"

#include <filesystem>
#include <system_error>

#include "core/result.h"

namespace mlxserving::format {

namespace fs = std::filesystem;

Result<void> check_model_directory(const std::string& path) {
  constexpr const char* kWhatIs = "a model is a directory with config.json, *.safetensors and tokenizer.json";
  std::error_code ec;
  const fs::file_status status = fs::status(path, ec);
  if (fs::is_directory(status)) return {};
  if (status.type() == fs::file_type::not_found) {
    return fail(ErrorCode::not_found, path, "{}: no such directory; {}", path, kWhatIs);
  }
  if (ec) return fail(ErrorCode::io, path, "{}: cannot be looked at: {}", path, ec.message());
  if (path.ends_with(".gguf")) {
    return fail(ErrorCode::unsupported_model, path,
                "{}: is a GGUF file; make a model directory of it: mlx-serving convert {} DIRECTORY", path, path);
  }
  return fail(ErrorCode::unsupported_model, path, "{}: is not a directory; {}", path, kWhatIs);
}

}  // namespace mlxserving::format
