#include "engine/loop.h"

#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {

using scheduler::Chunk;
using scheduler::Plan;
using scheduler::SequenceId;

Loop::Loop(Inbox& inbox, Runner& runner, const scheduler::Limits& limits, std::vector<scheduler::PageGroup> groups)
    : inbox_(inbox), runner_(runner), limits_(limits), groups_(std::move(groups)), scheduler_(limits_, groups_) {}

bool Loop::read() {
  while (auto command = inbox_.try_pop()) obey(std::move(*command));
  read_flags();
  return !scheduler_.plan().empty();
}

void Loop::close() {
  while (auto command = inbox_.try_pop()) obey(std::move(*command));
  for (const auto& [id, generation] : generations_) generation->finish(FinishReason::cancelled);
  generations_.clear();
}

void Loop::obey(Command command) {
  auto* submit = std::get_if<Submit>(&command);
  if (submit == nullptr) return;
  const SequenceId id = next_id_++;
  Generation& generation = *submit->generation;
  if (generation.tokens_max() == generation.prompt_token_count()) return generation.finish(FinishReason::length);
  const auto queued = scheduler_.enqueue(
      {.id = id, .prompt_tokens = generation.prompt_token_count(), .tokens_max = generation.tokens_max()});
  if (!queued) {
    generation.fail(queued.error());
    return;
  }
  generations_.emplace(id, std::move(submit->generation));
}

void Loop::read_flags() {
  std::vector<SequenceId> cancelled;
  for (const auto& [id, generation] : generations_) {
    StreamState& stream = generation->stream();
    if (stream.cancelled) {
      cancelled.push_back(id);
      continue;
    }
    // The flag goes up before the room is looked at again, so that a reader who drains in between wakes us.
    stream.paused = true;
    stream.paused = !can_take_a_token(stream);
    scheduler_.set_paused(id, stream.paused);
  }
  for (const SequenceId id : cancelled) end(id, FinishReason::cancelled);
}

void Loop::step() {
  const Plan plan = scheduler_.plan();
  if (plan.empty()) return;
  for (const SequenceId id : plan.admitted) generations_.at(id)->start();
  scheduler_.apply(plan);
  const std::vector<ChunkTokens> chunks = chunk_tokens(plan);
  Result<StepLogits> logits = runner_.run(chunks, scheduler_);
  if (!logits) {
    for (const Chunk& chunk : plan.chunks) {
      generations_.at(chunk.sequence)->fail(logits.error());
      generations_.erase(chunk.sequence);
      scheduler_.remove(chunk.sequence);
    }
    return;
  }
  take_tokens(plan, *logits);
}

std::vector<ChunkTokens> Loop::chunk_tokens(const Plan& plan) const {
  std::vector<ChunkTokens> chunks;
  for (const Chunk& chunk : plan.chunks) {
    const auto tokens = generations_.at(chunk.sequence)->tokens();
    chunks.push_back(
        {chunk, tokens.subspan(static_cast<size_t>(chunk.position_begin), static_cast<size_t>(chunk.token_count))});
  }
  return chunks;
}

void Loop::take_tokens(const Plan& plan, StepLogits& logits) {
  size_t row = 0;
  for (const Chunk& chunk : plan.chunks) {
    if (!chunk.samples) continue;
    Generation& generation = *generations_.at(chunk.sequence);
    const auto reason = generation.take_token(logits.row(row++), workspace_);
    if (!reason) {
      generation.fail(reason.error());
      generations_.erase(chunk.sequence);
      scheduler_.remove(chunk.sequence);
    } else if (*reason) {
      end(chunk.sequence, **reason);
    }
  }
}

void Loop::end(SequenceId id, FinishReason reason) {
  generations_.at(id)->finish(reason);
  generations_.erase(id);
  scheduler_.remove(id);
}

void Loop::rebuild(const Error& error) {
  for (const auto& [id, generation] : generations_) generation->fail(error);
  generations_.clear();
  scheduler_ = scheduler::Scheduler(limits_, groups_);
}

}  // namespace mlxserving::engine
