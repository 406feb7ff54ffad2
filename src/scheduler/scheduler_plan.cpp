// Scheduler::plan: what the next step does.
#include <algorithm>
#include <limits>

#include "scheduler/scheduler.h"

namespace mlxserving::scheduler {
namespace {

constexpr int32_t kReplayRows = 64;  // of an answer that is computed again or was forced, in one step

// A prompt's next chunk ends on the grid, so that it is cut the same way whatever else runs.
int32_t next_chunk(int32_t position, int32_t prompt_tokens, int32_t chunk_tokens) {
  const int32_t grid_end = (position / chunk_tokens + 1) * chunk_tokens;
  return std::min(grid_end, prompt_tokens) - position;
}

struct AdmissionPages {
  int32_t now = 0;    // taken by the first chunk
  int32_t later = 0;  // and until all tokens are there
};

// Of a sequence that begins with `cached` tokens from the cache and a chunk up to `first_end`, to have `tokens` at
// last.
AdmissionPages admission_pages(const PageGroup& group, int32_t cached, int32_t first_end, int32_t tokens) {
  const int32_t shared = pages_until(cached, group) - oldest_page_seen(cached, group);
  const int32_t now = pages_until(first_end, group) - pages_until(cached, group);
  return {.now = now, .later = std::max(0, pages_needed(tokens, group) - shared - now)};
}

}  // namespace

struct Scheduler::Draft {
  Plan plan;
  int32_t rows_left = 0;
  std::vector<int32_t> available;  // [group] pages free or idle
  std::vector<int32_t> promised;   // [group] of these, what prompts under way will still take
  std::set<SequenceId> preempted = {};
  std::set<SequenceId> planned = {};  // have a chunk: they keep their pages in this step
};

Plan Scheduler::plan() const {
  Draft draft{.plan = {}, .rows_left = limits_.rows_max, .available = {}, .promised = {}};
  for (const PagePool& pool : pools_) draft.available.push_back(pool.available());
  draft.promised.resize(groups_.size());
  plan_decodes(draft);
  plan_prompts(draft);
  std::ranges::stable_partition(draft.plan.chunks, &Chunk::decodes);
  return std::move(draft.plan);
}

// Sequences past their prompt, those that wait longest for a row, in the order of ranks.
std::vector<const Scheduler::Sequence*> Scheduler::choose_decoding(int32_t rows) const {
  std::vector<const Sequence*> decoding;
  for (const Rank& rank : running_) {
    const Sequence& sequence = at(rank.id);
    if (!sequence.paused && !sequence.life.is_prefilling()) decoding.push_back(&sequence);
  }
  if (decoding.size() <= static_cast<size_t>(rows)) return decoding;
  std::ranges::stable_sort(decoding, {}, [](const Sequence* sequence) { return sequence->life.last_turn(); });
  decoding.resize(static_cast<size_t>(rows));
  std::ranges::sort(decoding, {}, &Sequence::rank);
  return decoding;
}

// A row each, and some more for those that have several tokens to compute. A prompt that waits keeps room for its
// chunk.
void Scheduler::plan_decodes(Draft& draft) const {
  const bool prompts_wait = !queue_.ranks().empty() || std::ranges::any_of(running_, [&](const Rank& rank) {
    return at(rank.id).life.is_prefilling();
  });
  const int32_t rows_max = limits_.rows_max - (prompts_wait ? limits_.chunk_tokens : 0);
  const std::vector<const Sequence*> decoding = choose_decoding(rows_max);
  int32_t replay_rows = rows_max - static_cast<int32_t>(decoding.size());
  for (const Sequence* sequence : decoding) {
    if (draft.preempted.contains(sequence->spec.id)) continue;
    const int32_t position = sequence->life.position();
    const int32_t behind = sequence->known - position;
    const int32_t rows = 1 + std::min({behind - 1, kReplayRows - 1, replay_rows});
    const Chunk chunk{.sequence = sequence->spec.id,
                      .position_begin = position,
                      .token_count = rows,
                      .decodes = true,
                      .samples = rows == behind};
    if (!make_room(draft, *sequence, chunk)) {
      preempt(draft, *sequence);
      continue;
    }
    replay_rows -= rows - 1;
    draft.rows_left -= rows;
  }
}

// Prompts under way and those at the head of the queue, by turns: who waited longest for a chunk goes first.
void Scheduler::plan_prompts(Draft& draft) const {
  struct Turn {
    int64_t last;
    const Sequence* sequence;
    bool waits;
  };
  std::vector<Turn> turns;
  for (const Rank& rank : running_) {
    const Sequence& sequence = at(rank.id);
    if (sequence.paused || !sequence.life.is_prefilling() || draft.preempted.contains(rank.id)) continue;
    turns.push_back({sequence.life.last_turn(), &sequence, false});
    for (size_t g = 0; g < groups_.size(); ++g) {
      draft.promised[g] += pages_to_come(g, sequence);
    }
  }
  auto places = static_cast<int32_t>(turns.size());
  for (const Rank& rank : queue_.ranks()) {
    const Sequence& sequence = at(rank.id);
    if (sequence.paused) continue;
    if (places++ >= limits_.prefills_max || !draft.preempted.empty()) break;
    turns.push_back({std::max(sequence.arrival, last_admission_), &sequence, true});
  }
  std::ranges::stable_sort(turns, {}, &Turn::last);
  bool admits = true;  // in order: nobody overtakes in the queue
  for (const auto& [last, sequence, waits] : turns) {
    if (!waits) plan_prefill(draft, *sequence);
    if (waits && admits) admits = plan_admission(draft, *sequence);
  }
}

void Scheduler::plan_prefill(Draft& draft, const Sequence& sequence) const {
  const SequenceId id = sequence.spec.id;
  const int32_t position = sequence.life.position();
  const int32_t rows = next_chunk(position, sequence.spec.prompt_tokens(), limits_.chunk_tokens);
  if (rows > draft.rows_left || draft.preempted.contains(id)) return;
  const Chunk chunk{
      .sequence = id, .position_begin = position, .token_count = rows, .samples = position + rows == sequence.known};
  if (!make_room(draft, sequence, chunk)) return;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Demand takes = demand(g, (*sequence.life.pages())[g], position, position + rows);
    draft.promised[g] -= std::clamp(takes.take - takes.give, 0, pages_to_come(g, sequence));
  }
  draft.rows_left -= rows;
}

bool Scheduler::plan_admission(Draft& draft, const Sequence& sequence) const {
  const SequenceSpec& spec = sequence.spec;
  if (!draft.plan.preempted.empty()) return false;
  int32_t running = spec.answers;
  for (const Rank& rank : running_) running += at(rank.id).spec.answers;
  for (const Admission& admission : draft.plan.admitted) running += at(admission.sequence).spec.answers;
  const bool is_alone = running == spec.answers;
  if (running > limits_.running_max && !is_alone) return false;

  const bool reuses = limits_.prefix_cache && !spec.computes_all;
  // The last token of the prompt is computed again: its logits start the answer.
  PrefixCache::Match match = cache_.match(*spec.prompt, reuses ? spec.prompt_tokens() - 1 : 0);
  const int32_t rows = next_chunk(match.tokens, spec.prompt_tokens(), limits_.chunk_tokens);
  if (rows > draft.rows_left) return false;

  std::vector<AdmissionPages> pages;
  for (size_t g = 0; g < groups_.size(); ++g) {
    pages.push_back(
        admission_pages(groups_[g], match.tokens, match.tokens + rows, std::min(sequence.known + 1, spec.tokens_max)));
    if (draft.available[g] - match.bound[g] - draft.promised[g] < pages[g].now + pages[g].later) return false;
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    draft.available[g] -= match.bound[g] + pages[g].now;
    draft.promised[g] += pages[g].later;
  }
  draft.plan.admitted.push_back(
      {.sequence = spec.id, .cached_tokens = match.tokens, .cache_differs_at = match.differs_at});
  draft.plan.chunks.push_back({.sequence = spec.id,
                               .position_begin = match.tokens,
                               .token_count = rows,
                               .samples = match.tokens + rows == sequence.known});
  draft.planned.insert(spec.id);
  draft.rows_left -= rows;
  return true;
}

// Pages that a prompt under way, or what it has to compute again, will still take.
int32_t Scheduler::pages_to_come(size_t group, const Sequence& sequence) const {
  const HeldPages& held = (*sequence.life.pages())[group];
  return std::max(0, pages_needed(sequence.known, groups_[group]) - (held.end() - held.begin()));
}

// Pages for the chunk, from those that are available and then from others; the chunk is then planned.
bool Scheduler::make_room(Draft& draft, const Sequence& sequence, const Chunk& chunk) const {
  const Holding& pages = *sequence.life.pages();
  const int32_t end = chunk.position_begin + chunk.token_count;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Demand needs = demand(g, pages[g], chunk.position_begin, end);
    while (draft.available[g] + needs.give < needs.take) {
      // Who was admitted may count on pages of those that run.
      const Sequence* other = draft.plan.admitted.empty() ? victim(draft, sequence) : nullptr;
      if (other == nullptr) return false;
      preempt(draft, *other);
    }
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Demand needs = demand(g, pages[g], chunk.position_begin, end);
    draft.available[g] += needs.give - needs.take;
  }
  draft.plan.chunks.push_back(chunk);
  draft.planned.insert(chunk.sequence);
  return true;
}

// Who gives way: a paused sequence, or one of higher rank; of several the last. Never one that has rows in this step.
const Scheduler::Sequence* Scheduler::victim(const Draft& draft, const Sequence& sequence) const {
  const Sequence* last = nullptr;
  for (auto rank = running_.rbegin(); rank != running_.rend(); ++rank) {
    const Sequence& other = at(rank->id);
    const bool is_safe = draft.preempted.contains(rank->id) || draft.planned.contains(rank->id);
    if (is_safe || rank->id == sequence.spec.id) continue;
    if (other.paused) return &other;
    if (last == nullptr && *rank > sequence.rank) last = &other;
  }
  return last;
}

void Scheduler::preempt(Draft& draft, const Sequence& sequence) const {
  const Holding& pages = *sequence.life.pages();
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (int32_t page = pages[g].begin(); page < pages[g].end(); ++page) {
      draft.available[g] += pools_[g].owners(pages[g].number(page)) == 1 ? 1 : 0;
    }
  }
  draft.preempted.insert(sequence.spec.id);
  draft.plan.preempted.push_back(sequence.spec.id);
}

}  // namespace mlxserving::scheduler
