#include "engine/loop.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {

using scheduler::Chunk;
using scheduler::Plan;
using scheduler::SequenceId;

namespace {

constexpr std::chrono::milliseconds kPublishRetry{1};

double ms_since(Loop::Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Loop::Clock::now() - begin).count();
}

}  // namespace

Loop::Loop(Port& port, Runner& runner, const LoopOptions& options, std::vector<scheduler::PageGroup> groups)
    : port_(port),
      runner_(runner),
      options_(options),
      groups_(std::move(groups)),
      scheduler_(options.limits, groups_),
      governor_(options.limits, options.latency_target_ms) {}

bool Loop::read() {
  const auto begin = Clock::now();
  const bool may_step = governor_.may_step();
  scheduler_.set_limits(governor_.limits());
  while (auto command = port_.inbox.try_pop()) obey(std::move(*command));
  read_flags();
  const bool has_step = may_step && !scheduler_.plan().empty();
  read_ms_ += ms_since(begin);
  if (!has_step) publish();
  return has_step;
}

Loop::Clock::time_point Loop::wake_at() const {
  if (!is_published_) return Clock::now() + kPublishRetry;
  const auto refuses_until = governor_.refuses_until();
  return refuses_until == Clock::time_point{} ? Clock::time_point::max() : refuses_until;
}

void Loop::close() {
  while (auto command = port_.inbox.try_pop()) obey(std::move(*command));
  while (!generations_.empty()) end(generations_.begin()->first, FinishReason::cancelled);
  publish();
}

void Loop::obey(Command command) {
  auto* submit = std::get_if<Submit>(&command);
  if (submit == nullptr) return;
  const SequenceId id = next_id_++;
  Generation& generation = *submit->generation;
  const auto queued =
      generation.tokens_max() == generation.prompt_token_count()
          ? Result<void>()
          : scheduler_.enqueue(
                {.id = id, .prompt_tokens = generation.prompt_token_count(), .tokens_max = generation.tokens_max()});
  if (!queued) {
    ++report_.metrics.requests_rejected;
    return generation.fail(queued.error());
  }
  ++report_.metrics.requests_submitted;
  report_.metrics.prompt_tokens += static_cast<uint64_t>(generation.prompt_token_count());
  generations_.emplace(id, std::move(submit->generation));
  if (generation.tokens_max() == generation.prompt_token_count()) end(id, FinishReason::length);
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
  const auto begin = Clock::now();
  const Plan plan = scheduler_.plan();
  if (plan.empty()) return;
  for (const SequenceId id : plan.admitted) {
    Generation& generation = *generations_.at(id);
    generation.start();
    report_.metrics.queue_ms.add(generation.timings().queued_ms);
  }
  scheduler_.apply(plan);
  const std::vector<ChunkTokens> chunks = chunk_tokens(plan);
  const auto run_begin = Clock::now();
  Result<StepLogits> logits = runner_.run(chunks, scheduler_);
  const double run_ms = ms_since(run_begin);
  if (!logits) {
    ++report_.metrics.failed_steps;
    report_.failed_at = Clock::now();
    report_.failure = logits.error().message;
    governor_.step_failed();
    for (const Chunk& chunk : plan.chunks) fail(chunk.sequence, logits.error());
  } else {
    take_tokens(plan, *logits);
    governor_.step_succeeded(ms_since(begin), plan.chunks.front().decodes);
  }
  const double step_ms = ms_since(begin);
  count_step(plan, step_ms, step_ms - run_ms);
}

void Loop::count_step(const Plan& plan, double step_ms, double host_ms) {
  Metrics& metrics = report_.metrics;
  ++metrics.steps;
  metrics.batch_rows.add(plan.row_count());
  metrics.step_ms.add(step_ms);
  metrics.host_ms.add(host_ms + std::exchange(read_ms_, 0));
  publish();
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
      fail(chunk.sequence, reason.error());
      continue;
    }
    Metrics& metrics = report_.metrics;
    ++metrics.completion_tokens;
    if (generation.token_gap_ms() == 0) {
      metrics.first_token_ms.add(generation.timings().first_token_ms);
    } else {
      metrics.inter_token_ms.add(generation.token_gap_ms());
    }
    if (*reason) end(chunk.sequence, **reason);
  }
}

void Loop::end(SequenceId id, FinishReason reason) {
  Generation& generation = *generations_.at(id);
  Metrics& metrics = report_.metrics;
  ++(reason == FinishReason::cancelled ? metrics.requests_cancelled : metrics.requests_finished);
  metrics.request_ms.add(generation.elapsed_ms());
  generation.finish(reason);
  generations_.erase(id);
  scheduler_.remove(id);
}

void Loop::fail(SequenceId id, const Error& error) {
  ++report_.metrics.requests_failed;
  report_.metrics.request_ms.add(generations_.at(id)->elapsed_ms());
  generations_.at(id)->fail(error);
  generations_.erase(id);
  scheduler_.remove(id);
}

void Loop::rebuild(const Error& error) {
  ++report_.metrics.failed_steps;
  report_.failed_at = Clock::now();
  report_.failure = error.message;
  governor_.step_failed();
  while (!generations_.empty()) fail(generations_.begin()->first, error);
  scheduler_ = scheduler::Scheduler(options_.limits, groups_);
  publish();
}

// Counters and gauges as they are between two steps.
void Loop::publish() {
  Metrics& metrics = report_.metrics;
  metrics.queue_depth = scheduler_.waiting_count();
  metrics.running = scheduler_.running_count();
  metrics.paused = scheduler_.paused_count();
  metrics.pages_total = metrics.pages_free = 0;
  for (const scheduler::PagePool& pool : scheduler_.pools()) {
    metrics.pages_total += static_cast<uint64_t>(pool.page_count());
    metrics.pages_free += static_cast<uint64_t>(pool.free_count());
  }
  governor_.describe(report_);
  port_.refuses_until = governor_.refuses_until();
  is_published_ = port_.board.publish(report_);
}

}  // namespace mlxserving::engine
