#include "scheduler/scheduler.h"

#include <algorithm>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::scheduler {
namespace {

int32_t divide_up(int32_t a, int32_t b) { return (a + b - 1) / b; }

// A chunk ends on the grid, so that a prompt is cut the same way whatever else runs. None if the rows left are too few.
int32_t chunk_tokens(int32_t position, int32_t prompt_tokens, int32_t rows_left, int32_t chunk) {
  const int32_t grid_end = (position / chunk + 1) * chunk;
  const int32_t wanted = std::min(grid_end, prompt_tokens) - position;
  return wanted <= rows_left ? wanted : 0;
}

}  // namespace

int32_t pages_needed(int32_t tokens, const PageGroup& group) {
  const int32_t all = divide_up(tokens, group.page_tokens);
  if (group.window == 0) return all;
  // A chunk is written before its first row looks back a whole window.
  return std::min(all, divide_up(group.window + kChunkTokens, group.page_tokens) + 1);
}

Scheduler::Scheduler(const Limits& limits, std::span<const PageGroup> groups) : groups_(groups.begin(), groups.end()) {
  set_limits(limits);
  for (const PageGroup& group : groups_) pools_.emplace_back(group.page_count);
}

void Scheduler::set_limits(const Limits& limits) {
  check(limits.chunk_tokens > 0 && kChunkTokens % limits.chunk_tokens == 0, "chunks divide the grid");
  check(limits.rows_max >= limits.chunk_tokens, "a step has room for a whole chunk");
  limits_ = limits;
}

bool Scheduler::fits(const SequenceSpec& spec, std::span<const int32_t> pages_free) const {
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (pages_needed(spec.tokens_max, groups_[g]) > pages_free[g]) return false;
  }
  return true;
}

Result<void> Scheduler::enqueue(const SequenceSpec& spec) {
  check(spec.prompt_tokens > 0 && spec.tokens_max >= spec.prompt_tokens, "a sequence has a prompt that fits its bound");
  for (const PageGroup& group : groups_) {
    const int32_t needed = pages_needed(spec.tokens_max, group);
    if (needed > group.page_count) {
      return fail(ErrorCode::resource_exhausted, "max_tokens",
                  "the request needs {} tokens of KV cache ({} of prompt, {} of answer), the cache holds {}; "
                  "lower max_tokens or give the engine more memory",
                  spec.tokens_max, spec.prompt_tokens, spec.tokens_max - spec.prompt_tokens,
                  int64_t{group.page_count} * group.page_tokens);
    }
  }
  if (waiting_.size() >= static_cast<size_t>(limits_.queue_max)) {
    return fail(ErrorCode::resource_exhausted, "", "the queue holds at most {} requests and is full; try again later",
                limits_.queue_max);
  }
  waiting_.push_back(spec);
  return {};
}

Plan Scheduler::plan() const {
  Plan plan;
  int32_t rows_left = limits_.rows_max;
  plan_decodes(plan, rows_left);
  plan_prompts(plan, rows_left);
  plan_admissions(plan, rows_left);
  return plan;
}

void Scheduler::plan_decodes(Plan& plan, int32_t& rows_left) const {
  for (const auto& [id, sequence] : running_) {
    if (sequence.paused || sequence.position < sequence.spec.prompt_tokens || rows_left == 0) continue;
    plan.chunks.push_back(
        {.sequence = id, .position_begin = sequence.position, .token_count = 1, .decodes = true, .samples = true});
    --rows_left;
  }
}

void Scheduler::plan_prompts(Plan& plan, int32_t& rows_left) const {
  for (const auto& [id, sequence] : running_) {
    const int32_t prompt = sequence.spec.prompt_tokens;
    if (sequence.paused || sequence.position >= prompt) continue;
    const int32_t count = chunk_tokens(sequence.position, prompt, rows_left, limits_.chunk_tokens);
    if (count == 0) {  // in order of arrival: nobody overtakes
      rows_left = 0;
      return;
    }
    plan.chunks.push_back({.sequence = id,
                           .position_begin = sequence.position,
                           .token_count = count,
                           .samples = sequence.position + count == prompt});
    rows_left -= count;
  }
}

void Scheduler::plan_admissions(Plan& plan, int32_t& rows_left) const {
  std::vector<int32_t> pages_free;
  for (const PagePool& pool : pools_) pages_free.push_back(pool.free_count());
  size_t running = running_.size();
  for (const SequenceSpec& spec : waiting_) {
    const int32_t count = chunk_tokens(0, spec.prompt_tokens, rows_left, limits_.chunk_tokens);
    if (count == 0 || running >= static_cast<size_t>(limits_.running_max) || !fits(spec, pages_free)) return;
    for (size_t g = 0; g < groups_.size(); ++g) pages_free[g] -= pages_needed(spec.tokens_max, groups_[g]);
    plan.admitted.push_back(spec.id);
    plan.chunks.push_back(
        {.sequence = spec.id, .position_begin = 0, .token_count = count, .samples = count == spec.prompt_tokens});
    rows_left -= count;
    ++running;
  }
}

void Scheduler::apply(const Plan& plan) {
  for (const SequenceId id : plan.admitted) {
    check(!waiting_.empty() && waiting_.front().id == id, "admissions are the front of the queue");
    Running sequence{.spec = waiting_.front(), .position = 0, .paused = false, .pages = {}};
    waiting_.pop_front();
    for (size_t g = 0; g < groups_.size(); ++g) {
      sequence.pages.push_back(pools_[g].take(pages_needed(sequence.spec.tokens_max, groups_[g])));
    }
    running_.emplace(id, std::move(sequence));
  }
  for (const Chunk& chunk : plan.chunks) {
    Running& sequence = running_.at(chunk.sequence);
    check(sequence.position == chunk.position_begin, "a chunk begins where its sequence stands");
    sequence.position += chunk.token_count;
    check(sequence.position <= sequence.spec.tokens_max, "a sequence stays within its pages");
  }
}

void Scheduler::set_paused(SequenceId id, bool paused) {
  if (const auto it = running_.find(id); it != running_.end()) it->second.paused = paused;
}

size_t Scheduler::paused_count() const {
  return static_cast<size_t>(std::ranges::count_if(running_, [](const auto& entry) { return entry.second.paused; }));
}

bool Scheduler::remove(SequenceId id) {
  if (const auto it = running_.find(id); it != running_.end()) {
    for (size_t g = 0; g < groups_.size(); ++g) pools_[g].give_back(it->second.pages[g]);
    running_.erase(it);
    return true;
  }
  return std::erase_if(waiting_, [&](const SequenceSpec& spec) { return spec.id == id; }) > 0;
}

std::vector<std::span<const int32_t>> Scheduler::page_tables(SequenceId id) const {
  const auto it = running_.find(id);
  if (it == running_.end()) return {};
  return {it->second.pages.begin(), it->second.pages.end()};
}

}  // namespace mlxserving::scheduler
