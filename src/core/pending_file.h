// A file that appears under its name when it is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "mlxserving/error.h"

namespace mlxserving {

// Lies beside its name under a temporary one until commit; gone with the object unless kept. Errors: io, with the
// system's reason.
class PendingFile {
 public:
  static Result<std::unique_ptr<PendingFile>> create(const std::string& path);

  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  Result<void> write_at(uint64_t offset, const void* bytes, size_t size) const;

  // Gives the file its name. It is still removed with the object unless `keep` is called.
  Result<void> commit();
  void keep();

 private:
  explicit PendingFile(const std::string& path);
  Error io_error(const char* call) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
  bool committed_ = false;
};

}  // namespace mlxserving
