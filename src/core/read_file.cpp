#include "core/read_file.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/result.h"

namespace mlxserving {

namespace fs = std::filesystem;

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  std::error_code ec;
  const auto status = fs::status(path, ec);
  if (!fs::exists(status)) return fail(ErrorCode::not_found, path, "{}: no such file", path);
  if (!fs::is_regular_file(status)) return fail(ErrorCode::io, path, "{}: not a regular file", path);
  const auto size = fs::file_size(path, ec);
  if (ec) return fail(ErrorCode::io, path, "{}: {}", path, ec.message());
  if (size > bytes_max) {
    return fail(ErrorCode::resource_exhausted, path, "{}: must be at most {} bytes, found {}", path, bytes_max, size);
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(size, '\0');
  if (!file || !file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return fail(ErrorCode::io, path, "{}: could not be read", path);
  }
  return bytes;
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code ec;
  if (file) {
    fs::rename(temporary, path, ec);
    if (!ec) return {};
  }
  std::error_code ignored;
  fs::remove(temporary, ignored);
  return fail(ErrorCode::io, path, "{}: could not be written{}{}", path, ec ? ": " : "", ec ? ec.message() : "");
}

}  // namespace mlxserving
