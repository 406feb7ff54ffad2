// A file mapped read-only into memory.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "mlxserving/error.h"

namespace mlxserving {

// Owns the mapping; `bytes()` stays valid as long as the object lives. Any thread may read. The file must not be
// truncated while mapped: reading past its new end raises SIGBUS.
class MappedFile {
 public:
  // Errors: not_found, io; `param` is the path. An empty file maps to no bytes.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, const std::byte* data, size_t size) : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const std::byte* data_;
  size_t size_;
};

}  // namespace mlxserving
