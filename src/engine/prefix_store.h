// The prefix cache's second tier on disk: which chunks of prompts are in files, and what such a file holds.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::engine {

struct PrefixStoreOptions {
  std::string directory = {};    // made if it is not there
  int64_t bytes_max = 0;         // of all files, of whatever model
  std::string fingerprint = {};  // of everything the bits depend on: weights, numerics, kernels, type of the cache
  std::function<void(const std::string& name)> before_read =
      {};  // of a file, on the thread that reads; a test may wait
};

// Pages of kChunkTokens tokens, [group]: one after another, each as KvStore::read_page gives it.
using PrefixPages = std::vector<std::vector<uint8_t>>;

// A chunk of a prompt and the file for it. The name is a SHA-256 of the fingerprint and of all tokens up to its end;
// tokens, fingerprint and a checksum of the pages stand in the file (safetensors: a tensor of bytes a group), and what
// does not agree is not used.
struct PrefixChunk {
  std::string name;
  int32_t end = 0;              // of its tokens in the prompt
  std::vector<int32_t> tokens;  // the last of them: kChunkTokens
};

// The whole chunks of a prompt, in order.
std::vector<PrefixChunk> prefix_chunks(std::span<const int32_t> prompt, const std::string& fingerprint);

// The size of its file.
int64_t prefix_file_bytes(const PrefixPages& pages);

// Errors: not_found, io, invalid_model for a file that is broken or of another text. Any thread.
Result<PrefixPages> read_prefix(const PrefixStoreOptions& store, const PrefixChunk& chunk);
// An error leaves no file. Any thread.
Result<void> write_prefix(const PrefixStoreOptions& store, const PrefixChunk& chunk, const PrefixPages& pages);

// Which files there are, and which of them go when they outgrow `bytes_max`: those used longest ago. Decides and
// remembers; others read, write and delete. Files of other programs in the directory are left alone. Engine thread.
class PrefixIndex {
 public:
  // Finds the files that are there and deletes those beyond `bytes_max`. Error: io when the directory cannot be used.
  static Result<PrefixIndex> open(const PrefixStoreOptions& options);

  bool has(const std::string& name) const { return files_.contains(name); }
  // All of a prompt's: the earlier is used more recently, for without it the later is worth nothing.
  void use(std::span<const PrefixChunk> chunks);
  // A file that will be written; the names of those to be deleted before. None if it can have no place.
  std::optional<std::vector<std::string>> add(const std::string& name, int64_t bytes);
  // It could not be written, or was not what it should be.
  void remove(const std::string& name);

  const PrefixStoreOptions& options() const { return options_; }
  int64_t bytes() const { return bytes_; }
  size_t file_count() const { return files_.size(); }

 private:
  struct File {
    int64_t bytes = 0;
    std::list<std::string>::iterator use;
  };

  explicit PrefixIndex(PrefixStoreOptions options) : options_(std::move(options)) {}
  std::vector<std::string> make_room(int64_t bytes);

  PrefixStoreOptions options_;
  std::map<std::string, File> files_;
  std::list<std::string> uses_;  // longest ago first
  int64_t bytes_ = 0;
};

}  // namespace mlxserving::engine
