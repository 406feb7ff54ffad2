// A regular file opened for reading: what reading it whole and mapping it begin with.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "mlxserving/error.h"

namespace mlxserving {

// Owns the descriptor. `size()` is what the file had when it was opened.
class RegularFile {
 public:
  // Never waits: a pipe that nobody writes to is refused like any other file that is not regular. Errors: not_found,
  // io; `param` is the path.
  static Result<RegularFile> open(const std::string& path);

  RegularFile(RegularFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  RegularFile& operator=(RegularFile&&) = delete;
  ~RegularFile();

  int fd() const { return fd_; }
  size_t size() const { return size_; }

  // The error of a call on the descriptor that has just set errno.
  Error error(const char* call) const;

 private:
  RegularFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  size_t size_ = 0;
};

}  // namespace mlxserving
