#include "core/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/result.h"

namespace mlxserving {

Result<RegularFile> RegularFile::open(const std::string& path) {
  RegularFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd_ < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return fail(ErrorCode::not_found, path, "{}: no such file", path);
  }
  if (file.fd_ < 0) return file.error("cannot be opened");
  struct stat info{};
  if (::fstat(file.fd_, &info) != 0) return file.error("cannot be looked at");
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::io, path, "{}: not a regular file", path);
  file.size_ = static_cast<size_t>(info.st_size);
  return file;
}

RegularFile::~RegularFile() {
  if (fd_ >= 0) ::close(fd_);
}

Error RegularFile::error(const char* call) const {
  return fail(ErrorCode::io, path_, "{}: {}: {}", path_, call, std::generic_category().message(errno));
}

}  // namespace mlxserving
