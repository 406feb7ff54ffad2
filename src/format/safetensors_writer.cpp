#include "format/safetensors_writer.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <system_error>

#include "core/check.h"
#include "core/json.h"
#include "core/pending_file.h"
#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::format {

namespace fs = std::filesystem;

namespace {

// Data begins on a multiple of this (the header is padded with blanks, which the format permits), and tensors of whole
// multiples stand before others, so that a mapping of the file is aligned for every kernel.
constexpr uint64_t kAlignment = 64;

// One tensor's place: of source `source`, the `index`th.
struct Slot {
  size_t source;
  size_t index;
  uint64_t offset;  // in the shard's data
};

struct Shard {
  std::vector<Slot> slots;
  uint64_t bytes = 0;
};

const TensorInfo& info_of(std::span<const TensorSource> sources, const Slot& slot) {
  return sources[slot.source].tensors[slot.index];
}

// Tensors in their order, a new shard when the next would not fit.
std::vector<Shard> plan_shards(std::span<const TensorSource> sources, uint64_t bytes_max) {
  std::vector<Shard> shards(1);
  for (size_t source = 0; source < sources.size(); ++source) {
    for (size_t index = 0; index < sources[source].tensors.size(); ++index) {
      const uint64_t bytes = byte_count(sources[source].tensors[index]);
      if (!shards.back().slots.empty() && shards.back().bytes + bytes > bytes_max) shards.emplace_back();
      shards.back().slots.push_back({source, index, 0});
      shards.back().bytes += bytes;
    }
  }
  for (Shard& shard : shards) {
    std::vector<Slot> uneven;
    const auto is_uneven = [&](const Slot& slot) { return byte_count(info_of(sources, slot)) % kAlignment != 0; };
    std::copy_if(shard.slots.begin(), shard.slots.end(), std::back_inserter(uneven), is_uneven);
    std::erase_if(shard.slots, is_uneven);
    shard.slots.insert(shard.slots.end(), uneven.begin(), uneven.end());
    uint64_t offset = 0;
    for (Slot& slot : shard.slots) {
      slot.offset = offset;
      offset += byte_count(info_of(sources, slot));
    }
  }
  return shards;
}

// The length field and the header, padded so that the data is aligned.
std::string header_of(std::span<const TensorSource> sources, const Shard& shard) {
  Json header;
  header["__metadata__"] = {{"format", "mlx"}};
  for (const Slot& slot : shard.slots) {
    const TensorInfo& info = info_of(sources, slot);
    header[info.name] = {{"dtype", safetensors_name(info.dtype)},
                         {"shape", info.shape},
                         {"data_offsets", {slot.offset, slot.offset + byte_count(info)}}};
  }
  std::string text = to_text(header);
  const uint64_t prefix = sizeof(uint64_t);
  text.resize((prefix + text.size() + kAlignment - 1) / kAlignment * kAlignment - prefix, ' ');
  const uint64_t length = text.size();
  std::string bytes(prefix, '\0');
  std::memcpy(bytes.data(), &length, prefix);
  return bytes + text;
}

struct OpenShard {
  std::string name;
  std::unique_ptr<PendingFile> file;
  uint64_t data_start = 0;
};

std::string shard_name(size_t index, size_t count) {
  return count == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

Result<void> check_room(const std::string& directory, uint64_t bytes) {
  std::error_code ec;
  const fs::space_info space = fs::space(directory, ec);
  if (ec || space.available >= bytes) return {};
  return fail(ErrorCode::io, directory, "{}: needs {} MB of disk space, {} MB are free", directory, bytes >> 20,
              space.available >> 20);
}

Result<void> write_index(const std::string& directory, std::span<const TensorSource> sources,
                         const std::vector<Shard>& shards, const WrittenWeights& written, uint64_t parameters) {
  std::map<std::string, std::string> weight_map;
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const Slot& slot : shards[i].slots) weight_map[info_of(sources, slot).name] = written.files[i];
  }
  Json index;
  index["metadata"] = {{"total_size", written.bytes}, {"total_parameters", parameters}};
  index["weight_map"] = weight_map;
  return write_file((fs::path(directory) / "model.safetensors.index.json").string(), to_text(index, 4) + "\n");
}

// Makes each source's tensors and puts them where the plan has them.
Result<void> write_sources(std::span<const TensorSource> sources, const std::vector<Shard>& shards,
                           const std::vector<OpenShard>& files, const WriteOptions& options) {
  std::vector<std::vector<std::pair<size_t, uint64_t>>> places(sources.size());  // by source: file, offset in it
  for (size_t source = 0; source < sources.size(); ++source) places[source].resize(sources[source].tensors.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    for (const Slot& slot : shards[i].slots) {
      places[slot.source][slot.index] = {i, files[i].data_start + slot.offset};
    }
  }
  for (size_t source = 0; source < sources.size(); ++source) {
    std::vector<std::vector<std::byte>> buffers;
    for (const TensorInfo& info : sources[source].tensors) buffers.emplace_back(byte_count(info));
    const std::vector<std::span<std::byte>> out(buffers.begin(), buffers.end());
    MLXS_CHECKED(sources[source].fill(out));
    uint64_t bytes = 0;
    for (size_t index = 0; index < buffers.size(); ++index) {
      const auto [file, offset] = places[source][index];
      MLXS_CHECKED(files[file].file->write_at(offset, buffers[index].data(), buffers[index].size()));
      bytes += buffers[index].size();
    }
    MLXS_CHECKED(options.on_written(bytes));
  }
  return {};
}

}  // namespace

Result<WrittenWeights> write_model_weights(const std::string& directory, std::span<const TensorSource> sources,
                                           uint64_t parameters, const WriteOptions& options) {
  const std::vector<Shard> shards = plan_shards(sources, options.shard_bytes_max);
  WrittenWeights written;
  for (const Shard& shard : shards) written.bytes += shard.bytes;
  MLXS_CHECKED(check_room(directory, written.bytes));

  std::vector<OpenShard> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    written.files.push_back(shard_name(i, shards.size()));
    MLXS_TRY(auto file, PendingFile::create((fs::path(directory) / written.files.back()).string()));
    const std::string header = header_of(sources, shards[i]);
    MLXS_CHECKED(file->write_at(0, header.data(), header.size()));
    files.push_back({written.files.back(), std::move(file), header.size()});
  }
  MLXS_CHECKED(write_sources(sources, shards, files, options));
  for (const OpenShard& shard : files) MLXS_CHECKED(shard.file->commit());
  MLXS_CHECKED(write_index(directory, sources, shards, written, parameters));
  for (const OpenShard& shard : files) shard.file->keep();
  return written;
}

}  // namespace mlxserving::format
