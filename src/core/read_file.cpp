#include "core/read_file.h"

#include <unistd.h>

#include <cerrno>

#include "core/pending_file.h"
#include "core/regular_file.h"
#include "core/result.h"

namespace mlxserving {

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  MLXS_TRY(const RegularFile file, RegularFile::open(path));
  if (file.size() > bytes_max) {
    return fail(ErrorCode::resource_exhausted, path, "{}: must be at most {} bytes, found {}", path, bytes_max,
                file.size());
  }
  std::string bytes(file.size(), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.fd(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file.error("cannot be read");
    if (got == 0) break;  // became shorter since it was opened
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> write_file(const std::string& path, std::string_view bytes) {
  MLXS_TRY(const auto file, PendingFile::create(path));
  MLXS_CHECKED(file->write_at(0, bytes.data(), bytes.size()));
  MLXS_CHECKED(file->commit());
  file->keep();
  return {};
}

}  // namespace mlxserving
