// Which beginnings of prompts are still in the pools: a radix tree over token ids whose edges are whole pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "scheduler/held_pages.h"
#include "scheduler/page_pool.h"

namespace mlxserving::scheduler {

// A node is one page of tokens and, for each layer group, the page that holds their keys and values. It is content-
// addressed and never written again: sequences share it by owning its pages too. Only pages that were computed as
// prompt are kept, because decode rows have other bits (decision 5). A windowed group may have lost its page of a node;
// a prefix can then be resumed only where the window behind it is whole: such places are the checkpoints of the ring.
//
// What nobody owns is idle and is reclaimed when a pool runs dry, least recently used first. After Zheng et al.,
// SGLang: Efficient Execution of Structured Language Model Programs, 2023 (RadixAttention); the pages as in Kwon et
// al., Efficient Memory Management for Large Language Model Serving with PagedAttention, 2023.
class PrefixCache {
 public:
  // Both outlive it. All groups have pages of equal size.
  PrefixCache(std::span<const PageGroup> groups, std::vector<PagePool>& pools);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  struct Match {
    int32_t tokens = 0;          // of the prompt, whole pages
    int32_t differs_at = -1;     // where the longest text that begins like the prompt goes on otherwise; -1: nowhere
    std::vector<int32_t> bound;  // [group] of its pages, those that owning them makes unavailable in this step
  };
  // The longest beginning that can be resumed, of at most `tokens_max` tokens.
  Match match(std::span<const int32_t> prompt, int32_t tokens_max) const;

  // Owns the pages of the first `tokens` tokens, as match() gave them.
  Holding share(std::span<const int32_t> prompt, int32_t tokens, int64_t now);

  // Keeps the whole pages of `prompt` that `pages` holds. Where the same text is kept already, `pages` owns that page
  // from now on instead of its own: who owns a page owns those before it too, so that an idle one can be reclaimed.
  void insert(std::span<const int32_t> prompt, Holding& pages, int64_t now);

  // Whole pages at the beginning of `prompt` that are kept, in every group.
  int32_t kept_pages(std::span<const int32_t> prompt) const;

  // Frees a page of the group; false if none is idle.
  bool reclaim(size_t group);

  size_t node_count() const { return node_count_; }

 private:
  struct Node;
  using Key = std::vector<int32_t>;  // the tokens; a page with images will add their hashes
  using Children = std::map<Key, std::unique_ptr<Node>>;
  struct Node {
    Node* parent = nullptr;
    Children::iterator self = {};  // in the parent's children
    int32_t depth = 0;             // pages before it
    int64_t used = 0;
    std::vector<int32_t> pages;        // [group], -1: lost
    std::vector<int64_t> window_used;  // [group]
    Children children = {};
  };
  // Oldest first; of the same age those nearest to the start, so that the newest checkpoint stays whole longest.
  using Order = std::set<std::tuple<int64_t, int32_t, Node*>>;

  Key key_of(std::span<const int32_t> prompt, int32_t page) const;
  std::vector<Node*> walk(std::span<const int32_t> prompt, int32_t pages_max) const;
  int32_t usable_pages(const std::vector<Node*>& path) const;
  int32_t oldest_seen(size_t group, int32_t pages) const;
  int32_t differs_at(std::span<const int32_t> prompt, const std::vector<Node*>& path) const;
  Node* add(Node* parent, Key key, int64_t now);
  void keep_or_adopt(Node* node, size_t group, HeldPages& held, int64_t now);
  void touch(Node* node, int64_t now);
  void touch_window(Node* node, size_t group, int64_t now);
  void lose(Node* node, size_t group);
  void remove(Node* node);
  void remove_if_empty(Node* node);
  bool is_windowed(size_t group) const { return groups_[group].window > 0; }
  bool is_idle(const Node& node, size_t group) const;

  std::vector<PageGroup> groups_;
  std::vector<PagePool>& pools_;
  int32_t page_tokens_;
  bool all_windowed_;
  std::unique_ptr<Node> root_;
  size_t node_count_ = 0;
  Order leaves_;                // reclaimed for groups without a window
  std::vector<Order> windows_;  // [group]: nodes with a page there, reclaimed for that group
};

}  // namespace mlxserving::scheduler
