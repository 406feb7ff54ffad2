#include "core/mapped_file.h"

#include <sys/mman.h>

#include "core/regular_file.h"
#include "core/result.h"

namespace mlxserving {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  MLXS_TRY(const RegularFile file, RegularFile::open(path));  // the mapping outlives the descriptor
  void* data = nullptr;
  if (file.size() > 0) {
    data = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
    if (data == MAP_FAILED) return file.error("cannot be mapped");
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, static_cast<const std::byte*>(data), file.size()));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace mlxserving
