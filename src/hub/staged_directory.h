// An output directory that appears whole or not at all.
#pragma once

#include <memory>
#include <string>

#include "mlxserving/error.h"

namespace mlxserving::hub {

// Files are written into a hidden neighbour of the target, which takes the target's name at commit. Without commit the
// neighbour is removed with the object, and the target is as it was.
class StagedDirectory {
 public:
  // Errors: invalid_request when the target exists and may not be replaced. With `overwrite` an empty directory or one
  // with a config.json may be: nothing else is ever deleted.
  static Result<std::unique_ptr<StagedDirectory>> create(const std::string& target, bool overwrite);

  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;
  ~StagedDirectory();

  // Where to write, until commit.
  const std::string& path() const { return path_; }

  Result<void> write(const std::string& name, std::string_view bytes) const;
  Result<void> copy(const std::string& file) const;  // under its own name
  Result<void> commit();

 private:
  StagedDirectory(std::string target, std::string path) : target_(std::move(target)), path_(std::move(path)) {}

  std::string target_;
  std::string path_;
};

}  // namespace mlxserving::hub
