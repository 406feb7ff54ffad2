// Masks of the configurations of one machine, each found once. The work is split so that little of it depends on the
// context: which tokens stay inside a terminal depends on the lexical state alone; what of a token reaches past the
// terminal's end is a small trie that is walked with what the machine says comes next.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/sharded_map.h"
#include "grammar/machine.h"
#include "grammar/vocabulary.h"

namespace mlxserving::grammar {

class MaskStore {
 public:
  struct Limits {
    size_t bytes_max = size_t{256} << 20;  // of all that is remembered; then it is forgotten and found anew
  };

  MaskStore(Machine& machine, std::shared_ptr<const Vocabulary> vocabulary, const Limits& limits);

  // Sets the bits of the text tokens that `config` allows; `mask` has vocabulary.mask_words() words.
  void add(const Config& config, std::span<uint64_t> mask);
  // What `machine.leave` says of a configuration without capture, followed through what is complete at once.
  const std::vector<Config>& after(LexId lex, ContextId context);

 private:
  // Nodes of the trie at which a walk stands, at the same lexical state.
  using NodeSetId = uint32_t;

  struct Exit {
    LexId lex;
    NodeSetId nodes;
  };
  // What a walk from a node set in a lexical state finds.
  struct Walk {
    std::shared_ptr<const SharedMask> shared;  // its tokens, where they are many
    std::vector<TokenId> tokens;
    std::vector<Exit> exits;
  };
  // A mask in pieces: bit sets that others use too, and single tokens.
  struct Pieces {
    std::vector<std::shared_ptr<const SharedMask>> shared;
    std::vector<TokenId> tokens;
  };

  const Walk& walk(NodeSetId nodes, LexId lex);
  Walk walk_root(LexId lex);
  std::shared_ptr<const SharedMask> shared_mask(LexId lex);
  SharedMask walk_all(LexId lex);
  Walk walk_nodes(const std::vector<uint32_t>& nodes, LexId lex);
  template <typename Accept, typename Complete>
  void traverse(uint32_t root, LexId lex, const Accept& accept, const Complete& complete);
  uint8_t free_bytes(LexId lex, size_t kind);
  uint8_t find_free_bytes(LexId lex, TextKind kind);
  void group_exits(std::vector<std::pair<LexId, uint32_t>>& found, Walk& result);
  NodeSetId node_set(std::vector<uint32_t> nodes);
  const Pieces& pieces(NodeSetId nodes, LexId lex, ContextId context);
  void forget_if_large();

  Machine& machine_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  Limits limits_;
  size_t bytes_ = 0;
  // By lexical state and kind of text: so many bytes of it can follow, whatever they are, without an end and without
  // completing anything; kUnknown where that was not asked.
  std::vector<std::array<uint8_t, kTextKinds>> free_bytes_;
  int free_fuel_ = 0;
  std::vector<std::vector<uint32_t>> node_sets_;
  std::unordered_multimap<uint64_t, NodeSetId> node_set_index_;
  ShardedMap<uint64_t, std::unique_ptr<Walk>> walks_;  // by node set and lexical state
  struct PieceKey {
    NodeSetId nodes;
    LexId lex;
    ContextId context;
    friend bool operator==(const PieceKey&, const PieceKey&) = default;
  };
  struct PieceHash {
    size_t operator()(const PieceKey& key) const {
      return ((uint64_t{key.context} * 0x9E3779B97F4A7C15ULL) ^ (uint64_t{key.lex} * 0xC2B2AE3D27D4EB4FULL) ^
              key.nodes) *
                 0xD6E8FEB86659FD93ULL >>
             7;
    }
  };
  ShardedMap<PieceKey, std::unique_ptr<Pieces>, PieceHash> pieces_;
  ShardedMap<uint64_t, std::unique_ptr<std::vector<Config>>> after_;  // by lexical state and context
};

}  // namespace mlxserving::grammar
