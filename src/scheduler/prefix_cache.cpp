#include "scheduler/prefix_cache.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace mlxserving::scheduler {
namespace {

int32_t common_length(std::span<const int32_t> a, std::span<const int32_t> b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<int32_t>(end.first - a.begin());
}

}  // namespace

PrefixCache::PrefixCache(std::span<const PageGroup> groups, std::vector<PagePool>& pools)
    : groups_(groups.begin(), groups.end()),
      pools_(pools),
      page_tokens_(groups.empty() ? 1 : groups[0].page_tokens),
      all_windowed_(std::ranges::all_of(groups, [](const PageGroup& group) { return group.window > 0; })),
      root_(std::make_unique<Node>()),
      windows_(groups.size()) {
  root_->depth = -1;
  for (const PageGroup& group : groups_) check(group.page_tokens == page_tokens_, "pages of one size");
}

PrefixCache::~PrefixCache() = default;

bool PrefixCache::is_idle(const Node& node, size_t group) const {
  const int32_t page = node.pages[group];
  return page >= 0 && pools_[group].owners(page) == 0;
}

int32_t PrefixCache::oldest_seen(size_t group, int32_t pages) const {
  return oldest_page_seen(pages * page_tokens_, groups_[group]);
}

PrefixCache::Key PrefixCache::key_of(std::span<const int32_t> prompt, int32_t page) const {
  const auto tokens = static_cast<size_t>(page_tokens_);
  const auto of_page = prompt.subspan(static_cast<size_t>(page) * tokens, tokens);
  return {of_page.begin(), of_page.end()};
}

// The nodes along the prompt's whole pages.
std::vector<PrefixCache::Node*> PrefixCache::walk(std::span<const int32_t> prompt, int32_t pages_max) const {
  std::vector<Node*> path;
  Node* node = root_.get();
  while (static_cast<int32_t>(path.size()) < pages_max) {
    const auto child = node->children.find(key_of(prompt, static_cast<int32_t>(path.size())));
    if (child == node->children.end()) break;
    path.push_back(node = child->second.get());
  }
  return path;
}

// The most pages of the path behind which every window is whole.
int32_t PrefixCache::usable_pages(const std::vector<Node*>& path) const {
  std::vector<int32_t> whole_from(groups_.size(), 0);  // the pages from here to the current one are all there
  int32_t usable = 0;
  for (const Node* node : path) {
    const int32_t pages = node->depth + 1;
    bool is_whole = true;
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (node->pages[g] < 0) whole_from[g] = pages;
      is_whole = is_whole && whole_from[g] <= oldest_seen(g, pages);
    }
    if (is_whole) usable = pages;
  }
  return usable;
}

int32_t PrefixCache::differs_at(std::span<const int32_t> prompt, const std::vector<Node*>& path) const {
  const Node& last = path.empty() ? *root_ : *path.back();
  const auto begin = static_cast<int32_t>(path.size()) * page_tokens_;
  const auto rest = prompt.subspan(static_cast<size_t>(begin));
  if (rest.empty() || last.children.empty()) return -1;
  // In their order the texts most alike stand next to where the rest would be.
  const auto next = last.children.lower_bound(Key(rest.begin(), rest.end()));
  int32_t same = 0;
  if (next != last.children.end()) same = common_length(rest, next->first);
  if (next != last.children.begin()) same = std::max(same, common_length(rest, std::prev(next)->first));
  const auto end = std::min(static_cast<int32_t>(rest.size()), page_tokens_);
  return same < end ? begin + same : -1;
}

PrefixCache::Match PrefixCache::match(std::span<const int32_t> prompt, int32_t tokens_max) const {
  Match match{.tokens = 0, .differs_at = -1, .bound = std::vector<int32_t>(groups_.size(), 0)};
  std::vector<Node*> path = walk(prompt, static_cast<int32_t>(prompt.size()) / page_tokens_);
  match.differs_at = differs_at(prompt, path);
  path.resize(std::min(path.size(), static_cast<size_t>(tokens_max / page_tokens_)));
  const int32_t pages = usable_pages(path);
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (int32_t page = oldest_seen(g, pages); page < pages; ++page) {
      // An only owner may let go of a window's page before this step ends.
      const int32_t owners = pools_[g].owners(path[static_cast<size_t>(page)]->pages[g]);
      if (owners <= (is_windowed(g) ? 1 : 0)) ++match.bound[g];
    }
  }
  match.tokens = pages * page_tokens_;
  return match;
}

Holding PrefixCache::share(std::span<const int32_t> prompt, int32_t tokens, int64_t now) {
  const int32_t pages = tokens / page_tokens_;
  const std::vector<Node*> path = walk(prompt, pages);
  check(static_cast<int32_t>(path.size()) == pages, "what was matched is still there");
  for (Node* node : path) touch(node, now);
  Holding holding;
  for (size_t g = 0; g < groups_.size(); ++g) {
    HeldPages& held = holding.emplace_back(groups_[g], oldest_seen(g, pages));
    for (int32_t page = held.begin(); page < pages; ++page) {
      Node* node = path[static_cast<size_t>(page)];
      pools_[g].share(node->pages[g]);
      held.add(node->pages[g]);
      if (is_windowed(g)) touch_window(node, g, now);
    }
  }
  return holding;
}

void PrefixCache::insert(std::span<const int32_t> prompt, Holding& pages, int64_t now) {
  Node* node = root_.get();
  const auto count = static_cast<int32_t>(prompt.size()) / page_tokens_;
  for (int32_t page = 0; page < count; ++page) {
    Key key = key_of(prompt, page);
    const auto child = node->children.find(key);
    node = child == node->children.end() ? add(node, std::move(key), now) : child->second.get();
    touch(node, now);
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (page >= pages[g].begin() && page < pages[g].end()) keep_or_adopt(node, g, pages[g], now);
    }
  }
}

PrefixCache::Node* PrefixCache::add(Node* parent, Key key, int64_t now) {
  if (parent != root_.get() && parent->children.empty()) leaves_.erase({parent->used, parent->depth, parent});
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->depth = parent->depth + 1;
  node->used = now;
  node->pages.assign(groups_.size(), -1);
  node->window_used.assign(groups_.size(), now);
  Node* added = node.get();
  added->self = parent->children.emplace(std::move(key), std::move(node)).first;
  leaves_.insert({added->used, added->depth, added});
  ++node_count_;
  return added;
}

void PrefixCache::keep_or_adopt(Node* node, size_t group, HeldPages& held, int64_t now) {
  PagePool& pool = pools_[group];
  const int32_t own = held.number(node->depth);
  const int32_t kept = node->pages[group];
  if (kept == own) return;
  if (kept >= 0) {
    pool.share(kept);
    pool.release(own);
    held.replace(node->depth, kept);
    return;
  }
  pool.keep(own);
  node->pages[group] = own;
  node->window_used[group] = now;
  if (is_windowed(group)) windows_[group].insert({now, node->depth, node});
}

void PrefixCache::touch(Node* node, int64_t now) {
  const bool is_leaf = node->children.empty();
  if (is_leaf) leaves_.erase({node->used, node->depth, node});
  node->used = now;
  if (is_leaf) leaves_.insert({now, node->depth, node});
}

void PrefixCache::touch_window(Node* node, size_t group, int64_t now) {
  windows_[group].erase({node->window_used[group], node->depth, node});
  node->window_used[group] = now;
  windows_[group].insert({now, node->depth, node});
}

void PrefixCache::lose(Node* node, size_t group) {
  if (node->pages[group] < 0) return;
  if (is_windowed(group)) windows_[group].erase({node->window_used[group], node->depth, node});
  pools_[group].drop(node->pages[group]);
  node->pages[group] = -1;
}

// A leaf.
void PrefixCache::remove(Node* node) {
  for (size_t g = 0; g < groups_.size(); ++g) lose(node, g);
  leaves_.erase({node->used, node->depth, node});
  Node* parent = node->parent;
  parent->children.erase(Children::iterator(node->self));
  --node_count_;
  if (parent != root_.get() && parent->children.empty()) leaves_.insert({parent->used, parent->depth, parent});
}

// Where every group has a window, nodes may lose all their pages.
void PrefixCache::remove_if_empty(Node* node) {
  while (node != root_.get() && node->children.empty() &&
         std::ranges::all_of(node->pages, [](int32_t page) { return page < 0; })) {
    Node* parent = node->parent;
    remove(node);
    node = parent;
  }
}

int32_t PrefixCache::kept_pages(std::span<const int32_t> prompt) const {
  const std::vector<Node*> path = walk(prompt, static_cast<int32_t>(prompt.size()) / page_tokens_);
  const auto lost = std::ranges::find_if(
      path, [](const Node* node) { return std::ranges::any_of(node->pages, [](int32_t page) { return page < 0; }); });
  return static_cast<int32_t>(lost - path.begin());
}

bool PrefixCache::reclaim(size_t group) {
  const Order& order = is_windowed(group) ? windows_[group] : leaves_;
  for (const auto& [used, depth, node] : order) {  // those in use, at most one a sequence, are passed over
    if (!is_idle(*node, group)) continue;
    Node* victim = node;
    if (is_windowed(group)) {
      lose(victim, group);
      remove_if_empty(victim);
    } else {
      remove(victim);
    }
    return true;
  }
  return false;
}

}  // namespace mlxserving::scheduler
