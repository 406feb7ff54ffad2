#include "engine/read_ahead.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "core/mapped_file.h"

namespace mlxserving::engine {
namespace {

constexpr size_t kBlockBytes = size_t{16} << 20;  // a multiple of every page size; between two looks at the progress

// Deduced from ::mincore, whose parameters differ between systems.
template <typename Address, typename Byte>
bool is_resident(int (*ask)(Address, size_t, Byte*), std::span<const std::byte> block, size_t page_bytes) {
  std::vector<Byte> pages((block.size() + page_bytes - 1) / page_bytes);
  auto* address = const_cast<std::byte*>(block.data());  // which it only looks at
  if (ask(static_cast<Address>(address), block.size(), pages.data()) != 0) return false;
  return std::ranges::all_of(pages, [](Byte page) { return (static_cast<unsigned char>(page) & 1U) != 0; });
}

void touch(std::span<const std::byte> block, size_t page_bytes) {
  for (size_t at = 0; at < block.size(); at += page_bytes) {
    static_cast<void>(*static_cast<const volatile std::byte*>(block.data() + at));
  }
}

std::vector<std::shared_ptr<const MappedFile>> weight_files(const std::string& directory) {
  std::vector<std::shared_ptr<const MappedFile>> files;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ec)) {
    if (entry.path().extension() != ".safetensors") continue;
    if (auto file = MappedFile::open(entry.path().string())) files.push_back(*file);
  }
  return files;
}

}  // namespace

void read_ahead(const std::string& directory, const std::function<void(double fraction)>& progress) {
  const auto page_bytes = static_cast<size_t>(::sysconf(_SC_PAGE_SIZE));
  const auto files = weight_files(directory);
  size_t total = 0;
  for (const auto& file : files) total += file->bytes().size();
  size_t done = 0;
  for (const auto& file : files) {
    for (auto rest = file->bytes(); !rest.empty();) {
      const auto block = rest.first(std::min(kBlockBytes, rest.size()));
      if (!is_resident(&::mincore, block, page_bytes)) touch(block, page_bytes);
      rest = rest.subspan(block.size());
      done += block.size();
      progress(static_cast<double>(done) / static_cast<double>(total));
    }
  }
  if (total == 0) progress(1);
}

}  // namespace mlxserving::engine
