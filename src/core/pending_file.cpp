#include "core/pending_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "core/result.h"

namespace mlxserving {

Result<std::unique_ptr<PendingFile>> PendingFile::create(const std::string& path) {
  std::unique_ptr<PendingFile> file(new PendingFile(path));
  file->fd_ = ::open(file->temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file->fd_ < 0) return file->io_error("cannot be created");
  return file;
}

PendingFile::PendingFile(const std::string& path)
    : path_(path), temporary_(fmt::format("{}.{}.tmp", path, ::getpid())) {}

PendingFile::~PendingFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!path_.empty()) ::unlink((committed_ ? path_ : temporary_).c_str());
}

Result<void> PendingFile::write_at(uint64_t offset, const void* bytes, size_t size) const {
  const auto* from = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = ::pwrite(fd_, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return io_error("cannot be written");
    from += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<size_t>(written);
  }
  return {};
}

Result<void> PendingFile::commit() {
  const int closed = ::close(fd_);
  fd_ = -1;
  if (closed != 0) return io_error("cannot be written");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error("cannot be given its name");
  committed_ = true;
  return {};
}

void PendingFile::keep() { path_.clear(); }

Error PendingFile::io_error(const char* call) const {
  return fail(ErrorCode::io, path_, "{}: {}: {}", path_, call, std::generic_category().message(errno));
}

}  // namespace mlxserving
