#include "hub/staged_directory.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::hub {

namespace fs = std::filesystem;

namespace {

Error io_error(const std::string& path, std::string_view what, const std::error_code& ec) {
  return fail(ErrorCode::io, path, "{}: {}: {}", path, what, ec.message());
}

// Absolute, and through links, so that a folder on another disk is filled there; "out/" means "out".
fs::path resolved(const std::string& target, std::error_code& ec) {
  fs::path path = fs::absolute(target).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return fs::weakly_canonical(path, ec);
}

Result<void> check_replaceable(const fs::path& target, bool overwrite) {
  std::error_code ec;
  const fs::file_status status = fs::status(target, ec);
  if (!fs::exists(status) || (fs::is_directory(status) && fs::is_empty(target, ec))) return {};
  const std::string name = target.string();
  if (!overwrite) {
    return fail(ErrorCode::invalid_request, name, "{} exists; give another name, or --force to replace it", name);
  }
  if (fs::is_directory(status) && fs::exists(target / "config.json", ec)) return {};
  return fail(ErrorCode::invalid_request, name,
              "{} is not a model directory (no config.json); remove it yourself to replace it", name);
}

}  // namespace

Result<std::unique_ptr<StagedDirectory>> StagedDirectory::create(const std::string& target, bool overwrite) {
  if (target.empty()) return fail(ErrorCode::invalid_request, "", "the output needs a name, got an empty one");
  std::error_code ec;
  const fs::path path = resolved(target, ec);
  if (ec) return io_error(target, "could not be created", ec);
  MLXS_CHECKED(check_replaceable(path, overwrite));
  const fs::path staging = path.parent_path() / fmt::format(".{}.{}.partial", path.filename().string(), ::getpid());
  fs::create_directories(staging, ec);
  if (ec) return io_error(target, "could not be created", ec);
  return std::unique_ptr<StagedDirectory>(new StagedDirectory(path.string(), staging.string()));
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<void> StagedDirectory::write(const std::string& name, std::string_view bytes) const {
  return write_file((fs::path(path_) / name).string(), bytes);
}

Result<void> StagedDirectory::copy(const std::string& file) const {
  std::error_code ec;
  fs::copy_file(file, fs::path(path_) / fs::path(file).filename(), ec);
  if (ec) return io_error(file, "could not be copied", ec);
  return {};
}

Result<void> StagedDirectory::commit() {
  const fs::path target(target_);
  const fs::path aside = target.parent_path() / fmt::format(".{}.{}.old", target.filename().string(), ::getpid());
  std::error_code ec;
  const bool replaced = fs::exists(target, ec);
  if (replaced) {
    fs::rename(target, aside, ec);
    if (ec) return io_error(target_, "could not be replaced", ec);
  }
  fs::rename(path_, target, ec);
  if (ec) {
    std::error_code ignored;
    if (replaced) fs::rename(aside, target, ignored);
    return io_error(target_, "could not be written", ec);
  }
  path_.clear();
  if (replaced) fs::remove_all(aside, ec);
  return {};
}

}  // namespace mlxserving::hub
