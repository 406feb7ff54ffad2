// SentencePiece's compiled table of replacements: a double-array trie over bytes and a blob of strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::text {

constexpr size_t kCharsmapBytesMax = size_t{16} << 20;  // nmt_nfkc has 240 KB

// Immutable. Every link of the trie is checked when followed: broken tables find nothing, they do not read outside.
class Precompiled {
 public:
  static Result<Precompiled> parse(std::string_view bytes, const std::string& param);
  static Result<Precompiled> parse_base64(std::string_view base64, const std::string& param);

  // What the shortest known prefix of `text` is replaced by.
  std::optional<std::string_view> find(std::string_view text) const;

  // The longest known prefix: its length and what it is replaced by.
  struct Hit {
    size_t bytes;
    std::string_view to;
  };
  std::optional<Hit> find_longest(std::string_view text) const;

 private:
  template <typename Visit>
  void each_prefix(std::string_view text, const Visit& visit) const;
  std::string_view string_at(uint32_t offset) const;

  std::vector<uint32_t> units_;
  std::string strings_;  // each ended by a zero
};

}  // namespace mlxserving::text
