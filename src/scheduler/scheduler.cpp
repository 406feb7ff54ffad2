#include "scheduler/scheduler.h"

#include <algorithm>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::scheduler {
namespace {

std::vector<PagePool> make_pools(std::span<const PageGroup> groups) {
  std::vector<PagePool> pools;
  for (const PageGroup& group : groups) pools.emplace_back(group.page_count);
  return pools;
}

}  // namespace

Counters& Counters::operator+=(const Counters& other) {
  admissions += other.admissions;
  preemptions += other.preemptions;
  forks += other.forks;
  page_copies += other.page_copies;
  cached_tokens += other.cached_tokens;
  transitions += other.transitions;
  return *this;
}

Scheduler::Scheduler(const Limits& limits, std::span<const PageGroup> groups)
    : limits_(limits),
      groups_(groups.begin(), groups.end()),
      pools_(make_pools(groups)),
      cache_(groups_, pools_),
      queue_(limits.queue_max) {
  set_limits(limits);
}

void Scheduler::set_limits(const Limits& limits) {
  check(limits.chunk_tokens > 0 && kChunkTokens % limits.chunk_tokens == 0, "chunks divide the grid");
  check(limits.rows_max > limits.chunk_tokens, "a step has room for a whole chunk and a decode row");
  limits_ = limits;
}

Result<void> Scheduler::check_fits(const SequenceSpec& spec) const {
  int64_t bytes_needed = 0;
  int64_t bytes = 0;
  int64_t tokens = int64_t{spec.tokens_max};
  for (const PageGroup& group : groups_) {
    const int32_t needed = pages_needed(spec.tokens_max, group);
    bytes_needed += needed * group.page_bytes;
    bytes += group.page_count * group.page_bytes;
    if (needed > group.page_count) tokens = std::min(tokens, int64_t{group.page_count} * group.page_tokens);
  }
  if (tokens == spec.tokens_max) return {};
  return fail(ErrorCode::resource_exhausted, "max_tokens",
              "the request needs {} tokens of KV cache ({} of prompt, {} of answer; {} bytes), the cache holds {} ({} "
              "bytes); lower max_tokens or give the engine more memory",
              spec.tokens_max, spec.prompt_tokens(), spec.tokens_max - spec.prompt_tokens(), bytes_needed, tokens,
              bytes);
}

Result<void> Scheduler::enqueue(const SequenceSpec& spec) {
  check(spec.prompt_tokens() > 0 && spec.tokens_max >= spec.prompt_tokens(), "a prompt that fits its bound");
  check(!sequences_.contains(spec.id), "an id is used once");
  MLXS_CHECKED(check_fits(spec));
  Sequence sequence{.spec = spec, .arrival = step_, .known = spec.prompt_tokens()};
  sequence.rank = rank_of(spec.priority, step_, spec.id);
  MLXS_CHECKED(queue_.push(sequence.rank, spec.priority));
  sequences_.emplace(spec.id, std::move(sequence));
  return {};
}

Scheduler::Demand Scheduler::demand(size_t group, const HeldPages& held, int32_t begin, int32_t end) const {
  Demand demand{.take = std::max(0, held.pages_until(end) - held.end()), .give = 0};
  const PagePool& pool = pools_[group];
  const int32_t seen = std::min(held.oldest_seen(begin), held.end());
  for (int32_t page = held.begin(); page < seen; ++page) demand.give += pool.owners(held.number(page)) == 1 ? 1 : 0;
  if (held.is_inside_page(begin) && pool.owners(held.number(held.page_of(begin))) > 1) ++demand.take;
  return demand;
}

std::vector<PageCopy> Scheduler::apply(const Plan& plan) {
  ++step_;
  std::vector<PageCopy> copies;
  // First all that makes pages available, then all that takes them: a plan counts on their sum, not on an order.
  for (const SequenceId id : plan.preempted) carry_out_preemption(id);
  for (const Chunk& chunk : plan.chunks) slide_windows(chunk);
  for (const Admission& admission : plan.admitted) carry_out_admission(admission);
  for (const Chunk& chunk : plan.chunks) advance(chunk, copies);
  counters_.page_copies += copies.size();
  return copies;
}

void Scheduler::carry_out_preemption(SequenceId id) {
  Sequence& sequence = sequences_.at(id);
  Holding pages;
  counters_.transitions.count(sequence.life.preempt(pages));
  give_back(pages);
  running_.erase(sequence.rank);
  queue_.put_back(sequence.rank);
  ++counters_.preemptions;
}

void Scheduler::carry_out_admission(const Admission& admission) {
  Sequence& sequence = sequences_.at(admission.sequence);
  check(queue_.remove(sequence.rank), "who is admitted was waiting");
  Holding pages = cache_.share(*sequence.spec.prompt, admission.cached_tokens, step_);
  counters_.transitions.count(sequence.life.admit(std::move(pages), admission.cached_tokens, step_));
  running_.insert(sequence.rank);
  last_admission_ = step_;
  ++counters_.admissions;
  counters_.cached_tokens += static_cast<uint64_t>(admission.cached_tokens);
}

// Lets go of pages that no row from here on sees.
void Scheduler::slide_windows(const Chunk& chunk) {
  Holding* pages = sequences_.at(chunk.sequence).life.pages();
  if (pages == nullptr) return;  // to be admitted
  for (size_t g = 0; g < groups_.size(); ++g) {
    HeldPages& held = (*pages)[g];
    while (held.begin() < std::min(held.oldest_seen(chunk.position_begin), held.end())) {
      pools_[g].release(held.remove_oldest());
    }
  }
}

void Scheduler::advance(const Chunk& chunk, std::vector<PageCopy>& copies) {
  Sequence& sequence = sequences_.at(chunk.sequence);
  check(sequence.life.position() == chunk.position_begin, "a chunk begins where its sequence stands");
  const int32_t end = chunk.position_begin + chunk.token_count;
  check(end <= sequence.spec.tokens_max, "a sequence stays within its bound");
  for (size_t g = 0; g < groups_.size(); ++g) {
    HeldPages& held = sequence.life.pages()->at(g);
    if (held.is_inside_page(chunk.position_begin)) {
      const int32_t page = held.page_of(chunk.position_begin);
      const int32_t shared = held.number(page);
      if (pools_[g].owners(shared) > 1) {
        held.replace(page, take_page(g));
        copies.push_back({.group = g, .from = shared, .to = held.number(page)});
        pools_[g].release(shared);
      }
    }
    while (held.end() < held.pages_until(end)) held.add(take_page(g));
  }
  sequence.life.advance(chunk.token_count, step_);
  if (sequence.life.is_prefilling() && end == sequence.spec.prompt_tokens()) {
    counters_.transitions.count(sequence.life.finish_prompt());
  }
  if (chunk.samples) ++sequence.known;
}

int32_t Scheduler::take_page(size_t group) {
  PagePool& pool = pools_[group];
  if (pool.free_count() == 0) check(cache_.reclaim(group), "a plan takes only pages that are available");
  return pool.take();
}

void Scheduler::give_back(Holding& pages) {
  for (size_t g = 0; g < pages.size(); ++g) {
    while (pages[g].begin() < pages[g].end()) pools_[g].release(pages[g].remove_oldest());
  }
}

void Scheduler::commit(const Plan& plan) {
  if (!limits_.prefix_cache) return;
  for (const Chunk& chunk : plan.chunks) {
    if (chunk.decodes) continue;
    const auto it = sequences_.find(chunk.sequence);
    if (it == sequences_.end() || it->second.life.pages() == nullptr) continue;
    const std::span<const int32_t> prompt = *it->second.spec.prompt;
    const auto done = static_cast<size_t>(chunk.position_begin) + static_cast<size_t>(chunk.token_count);
    cache_.insert(prompt.first(done), *it->second.life.pages(), step_);
  }
}

std::vector<std::vector<int32_t>> Scheduler::install(std::span<const int32_t> prompt) {
  const auto begin = static_cast<int32_t>(prompt.size()) - kChunkTokens;
  if (!limits_.prefix_cache || begin < 0 || kept_tokens(prompt) < begin) return {};
  const auto has_room = [&](const PagePool& pool) { return pool.available() > pool.page_count() / 4; };
  if (!std::ranges::all_of(pools_, has_room)) return {};  // what runs needs the rest
  // Owned as a sequence would own them, so that making room reclaims none of the beginning.
  Holding pages = cache_.share(prompt, begin, step_);
  std::vector<std::vector<int32_t>> installed(groups_.size());
  for (size_t g = 0; g < groups_.size(); ++g) {
    const int32_t count = kChunkTokens / groups_[g].page_tokens;
    if (pools_[g].available() < count) {
      give_back(pages);
      return {};
    }
    for (int32_t i = 0; i < count; ++i) {
      installed[g].push_back(take_page(g));
      pages[g].add(installed[g].back());
    }
  }
  cache_.insert(prompt, pages, step_);
  give_back(pages);
  return installed;
}

int32_t Scheduler::kept_tokens(std::span<const int32_t> prompt) const {
  return groups_.empty() ? 0 : cache_.kept_pages(prompt) * groups_[0].page_tokens;
}

void Scheduler::fork(SequenceId parent_id, std::span<const SequenceId> ids) {
  Sequence& parent = sequences_.at(parent_id);
  const Holding* pages = parent.life.pages();
  check(pages != nullptr && !parent.life.is_prefilling(), "forks begin where a prompt is done");
  for (const SequenceId id : ids) {
    for (size_t g = 0; g < groups_.size(); ++g) {
      const HeldPages& held = (*pages)[g];
      for (int32_t page = held.begin(); page < held.end(); ++page) pools_[g].share(held.number(page));
    }
    Sequence child{.spec = parent.spec, .rank = parent.rank, .arrival = parent.arrival, .known = parent.known};
    child.spec.id = child.rank.id = id;
    child.spec.answers = 1;
    child.life = Lifecycle::forked(*pages, parent.life.position(), step_);
    running_.insert(child.rank);
    check(sequences_.emplace(id, std::move(child)).second, "an id is used once");
    ++counters_.forks;
  }
  parent.spec.answers = 1;
}

void Scheduler::extend(SequenceId id, int32_t tokens) {
  Sequence& sequence = sequences_.at(id);
  check(tokens >= 0 && sequence.known + tokens <= sequence.spec.tokens_max, "a sequence stays within its bound");
  sequence.known += tokens;
}

void Scheduler::set_paused(SequenceId id, bool paused) {
  if (const auto it = sequences_.find(id); it != sequences_.end()) it->second.paused = paused;
}

bool Scheduler::remove(SequenceId id) {
  const auto it = sequences_.find(id);
  if (it == sequences_.end()) return counters_.transitions.count(false);
  Sequence& sequence = it->second;
  Holding pages;
  counters_.transitions.count(sequence.life.end(pages));
  give_back(pages);
  running_.erase(sequence.rank);
  queue_.remove(sequence.rank);
  sequences_.erase(it);
  return true;
}

std::vector<std::span<const int32_t>> Scheduler::page_tables(SequenceId id) const {
  std::vector<std::span<const int32_t>> tables;
  const auto it = sequences_.find(id);
  if (it == sequences_.end() || it->second.life.pages() == nullptr) return tables;
  for (const HeldPages& held : *it->second.life.pages()) tables.push_back(held.table());
  return tables;
}

size_t Scheduler::paused_count() const {
  return static_cast<size_t>(std::ranges::count_if(running_, [&](const Rank& rank) { return at(rank.id).paused; }));
}

Counters Scheduler::counters() const {
  Counters counters = counters_;
  counters.transitions += queue_.transitions();
  return counters;
}

}  // namespace mlxserving::scheduler
