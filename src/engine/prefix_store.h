// The prefix cache's second tier: pages of prompts in files, which survive a restart.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "mlxserving/error.h"
#include "nn/kv_view.h"

namespace mlxserving::engine {

struct PrefixStoreOptions {
  std::string directory;    // made if it is not there
  int64_t bytes_max = 0;    // of all files, of whatever model
  std::string fingerprint;  // of everything the bits depend on: weights, numerics, kernels, type of the cache
};

// A file holds the pages of one chunk of kChunkTokens tokens in every layer group (safetensors: a tensor of bytes a
// group) and is named by a hash of the fingerprint and of all tokens up to the chunk's end. Tokens, fingerprint and a
// checksum stand in its metadata: what does not agree is not used. When the files outgrow `bytes_max`, those used
// longest ago are deleted. Files of other programs in the directory are left alone. Engine thread.
class PrefixStore {
 public:
  // Finds the files that are there. Error: io when the directory cannot be used.
  static Result<PrefixStore> open(const PrefixStoreOptions& options);

  // Pages of the chunk that ends with `prompt`, [group]: one after another, each as KvStore::read_page gives it.
  using Chunk = std::vector<std::vector<uint8_t>>;

  bool has(std::span<const int32_t> prompt) const;
  // Errors: not_found, io, invalid_model for a file that is broken or of another text; it is deleted then.
  Result<Chunk> load(std::span<const int32_t> prompt);
  // An error leaves no file.
  Result<void> save(std::span<const int32_t> prompt, const Chunk& pages);

  int64_t bytes() const { return bytes_; }
  size_t file_count() const { return files_.size(); }

 private:
  struct File {
    int64_t bytes = 0;
    std::list<std::string>::iterator use;
  };

  explicit PrefixStore(PrefixStoreOptions options) : options_(std::move(options)) {}
  std::string name_of(std::span<const int32_t> prompt) const;
  std::string path_of(const std::string& name) const { return options_.directory + "/" + name; }
  void add(const std::string& name, int64_t bytes);
  void touch(const std::string& name);
  void remove(const std::string& name);
  void make_room(int64_t bytes);

  PrefixStoreOptions options_;
  std::map<std::string, File> files_;
  std::list<std::string> uses_;  // longest ago first
  int64_t bytes_ = 0;
};

}  // namespace mlxserving::engine
