#include "engine/loop.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving::engine {

using scheduler::Chunk;
using scheduler::Plan;
using scheduler::StreamChange;
using scheduler::StreamSign;

namespace {

constexpr std::chrono::milliseconds kPublishRetry{1};
constexpr std::chrono::milliseconds kGuidePatience{
    2};  // a step waits so long for masks, but not for those of a slow grammar

double ms_since(Loop::Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Loop::Clock::now() - begin).count();
}

}  // namespace

Loop::Loop(Port& port, Runner& runner, const LoopOptions& options, std::vector<scheduler::PageGroup> groups)
    : port_(port),
      runner_(runner),
      options_(options),
      groups_(std::move(groups)),
      workspaces_(static_cast<size_t>(runner.threads())),
      governor_(options.limits, options.latency_target_ms) {
  scheduler_.emplace(options_.limits, groups_);
}

bool Loop::read() {
  const auto begin = Clock::now();
  const bool may_step = governor_.may_step();
  scheduler_->set_limits(governor_.limits());
  while (auto command = port_.inbox.try_pop()) obey(std::move(*command));
  take_fetched();
  read_flags();
  take_guides();
  plan_ = may_step ? scheduler_->plan() : Plan{};
  read_ms_ += ms_since(begin);
  if (plan_.empty()) publish();
  return !plan_.empty();
}

Loop::Clock::time_point Loop::wake_at() const {
  if (!is_published_) return Clock::now() + kPublishRetry;
  const auto refuses_until = governor_.refuses_until();
  const bool is_open = refuses_until != Clock::time_point{};
  return std::min(next_deadline_, is_open ? refuses_until : Clock::time_point::max());
}

void Loop::close() {
  while (auto command = port_.inbox.try_pop()) obey(std::move(*command));
  while (!requests_.empty()) finish_all(requests_.begin(), FinishReason::cancelled);
  publish();
}

// ------------------------------------------------------------------------------------------------- commands and flags

void Loop::obey(Command command) {
  auto* submit = std::get_if<Submit>(&command);
  if (submit == nullptr) return;
  ActiveRequest& request = *submit->request;
  const SequenceId id = next_id_;
  next_id_ += static_cast<SequenceId>(request.prepared().answers);
  const auto queued = request.is_done_at_once() ? Result<void>() : scheduler_->enqueue(request.spec(id));
  if (!queued) {
    ++report_.metrics.requests_rejected;
    request.stream().fail_all(queued.error());
    return;
  }
  ++report_.metrics.requests_submitted;
  report_.metrics.prompt_tokens += static_cast<uint64_t>(request.prompt_tokens());
  streams_.open(id);
  const auto added = requests_.emplace(id, std::move(submit->request)).first;
  if (request.is_done_at_once()) return finish_all(added, FinishReason::length);
  if (request.generation(0).guide()) ask_guide({added, 0}, std::nullopt);
  fetch_prompt(id, request);
}

// A request whose prompt goes on in files keeps its place in the queue until they are read.
void Loop::fetch_prompt(SequenceId id, ActiveRequest& request) {
  if (options_.prefix_tier == nullptr || request.output() != RowOutput::next) return;
  if (options_.prefix_tier->fetch(id, request.spec(id).prompt, *scheduler_)) set_paused(id, request);
}

void Loop::take_fetched() {
  if (options_.prefix_tier == nullptr) return;
  for (const SequenceId id : options_.prefix_tier->take_read(*scheduler_)) set_paused(id, *requests_.at(id));
}

void Loop::set_paused(SequenceId id, ActiveRequest& request) {
  const bool waits = options_.prefix_tier != nullptr && options_.prefix_tier->is_fetching(id);
  for (const int32_t answer : request.running()) {
    const SequenceId sequence = id + static_cast<SequenceId>(answer);
    const auto asked = asked_.find(sequence);
    const bool is_late = asked != asked_.end() && asked->second.is_late;
    scheduler_->set_paused(sequence, request.is_paused() || waits || is_late);
  }
}

// Its grammar goes on behind `token`, or begins.
void Loop::ask_guide(const Answer& answer, std::optional<int32_t> token) {
  const Generation& generation = answer->generation(answer.index);
  const std::shared_ptr<Guide> guide = generation.guide();
  const size_t forced_max = generation.forced_max(answer->stream().events.room());
  Faults* hangs = port_.faults.take(Fault::hang_in_guide) ? &port_.faults : nullptr;
  const bool is_quick = guide->last_work() <= kGuidePatience;
  guide->set_busy();
  const auto work = [guide, token, forced_max, hangs] {
    if (hangs != nullptr) hangs->wait_for_release();
    guide->work(token, forced_max);
  };
  asked_[answer.request->first + static_cast<SequenceId>(answer.index)] = {.is_awaited = is_quick};
  if (options_.guides == nullptr) return work();
  options_.guides->submit(guide->grammar(), work);
}

// What guides found. The plan waits a little for those that were quick last time; who is late gets no row until it is
// there.
void Loop::take_guides() {
  std::vector<std::shared_ptr<Guide>> awaited;
  std::erase_if(asked_, [&](const auto& asked) { return find(asked.first).request == requests_.end(); });
  for (const auto& [id, asked] : asked_) {
    const Answer answer = find(id);
    if (asked.is_awaited) awaited.push_back(answer->generation(answer.index).guide());
  }
  const auto are_done = [&] {
    return std::ranges::none_of(awaited, [](const std::shared_ptr<Guide>& guide) { return guide->is_busy(); });
  };
  if (!are_done()) options_.guides->wait(are_done, Clock::now() + kGuidePatience);
  std::vector<SequenceId> done;
  for (auto& [id, asked] : asked_) {
    const Answer answer = find(id);
    if (!answer->generation(answer.index).guide()->is_busy()) {
      done.push_back(id);
    } else if (!asked.is_late) {
      asked = {.is_awaited = false, .is_late = true};
      set_paused(answer.request->first, *answer);
    }
  }
  for (const SequenceId id : done) {
    const bool was_late = asked_.extract(id).mapped().is_late;
    const Answer answer = find(id);
    if (was_late) set_paused(answer.request->first, *answer);
    take_guide(answer);
  }
}

void Loop::take_guide(const Answer& answer) {
  const Generation::Taken taken = answer->take_forced(answer.index);
  report_.metrics.completion_tokens += static_cast<uint64_t>(taken.tokens);
  if (taken.reason) return finish(answer, *taken.reason);
  if (taken.tokens > 0) scheduler_->extend(answer.request->first + static_cast<SequenceId>(answer.index), taken.tokens);
}

void Loop::read_flags() {
  const auto now = Clock::now();
  next_deadline_ = Clock::time_point::max();
  for (auto it = requests_.begin(); it != requests_.end();) {
    const auto current = it++;  // it may end now
    read_stream(current->first, *current->second, now);
  }
}

void Loop::read_stream(SequenceId id, ActiveRequest& request, Clock::time_point now) {
  StreamState& stream = request.stream();
  // The flag goes up before the room is looked at again, so that a reader who drains in between wakes us.
  stream.paused = true;
  const bool has_room = can_take_tokens(stream, request.running().size());
  stream.paused = !has_room;
  const StreamSign sign =
      stream.cancelled ? StreamSign::cancelled : (has_room ? StreamSign::has_room : StreamSign::full);
  const StreamChange change = streams_.see(id, sign);
  if (change == StreamChange::cancel) return finish_all(requests_.find(id), FinishReason::cancelled);
  if (change != StreamChange::none) {
    request.set_paused(change == StreamChange::pause);
    set_paused(id, request);
  }
  if (request.deadline() <= now) return fail_all(requests_.find(id), request.overdue());
  next_deadline_ = std::min(next_deadline_, request.deadline());
}

// --------------------------------------------------------------------------------------------------------------- steps

void Loop::step() {
  const auto begin = Clock::now();
  const Plan plan = std::exchange(plan_, {});
  if (plan.empty()) return;
  for (const scheduler::Admission& admission : plan.admitted) start(admission);
  const std::vector<scheduler::PageCopy> copies = scheduler_->apply(plan);
  const std::vector<ChunkTokens> chunks = chunk_tokens(plan);
  const auto run_begin = Clock::now();
  const Result<StepOutput> output = runner_.run(chunks, copies, *scheduler_);
  const double run_ms = ms_since(run_begin);
  if (!output) {
    step_failed(output.error().message);
    fail_step(plan, output.error());
  } else {
    scheduler_->commit(plan);
    save_prompts(plan);
    take_output(plan, *output);
    governor_.step_succeeded(ms_since(begin), plan.chunks.front().decodes);
  }
  const double step_ms = ms_since(begin);
  count_step(plan, step_ms, step_ms - run_ms);
}

Loop::Answer Loop::find(SequenceId id) {
  const auto behind = requests_.upper_bound(id);
  if (behind == requests_.begin()) return {requests_.end()};
  const auto request = std::prev(behind);
  const auto index = static_cast<int32_t>(id - request->first);
  const auto& running = request->second->running();
  return {std::ranges::find(running, index) == running.end() ? requests_.end() : request, index};
}

void Loop::start(const scheduler::Admission& admission) {
  ActiveRequest& request = *find(admission.sequence);
  const bool is_first = !request.has_started();
  request.start(admission);
  if (!is_first) return;
  report_.metrics.queue_ms.add(request.timings().queued_ms);
  report_.metrics.cached_prompt_tokens += static_cast<uint64_t>(admission.cached_tokens);
}

std::vector<ChunkTokens> Loop::chunk_tokens(const Plan& plan) {
  std::vector<ChunkTokens> chunks;
  for (const Chunk& chunk : plan.chunks) {
    const Answer answer = find(chunk.sequence);
    chunks.push_back({chunk, answer->tokens(answer.index, chunk), chunk.decodes ? RowOutput::next : answer->output()});
  }
  return chunks;
}

// Every token is chosen before the first is told: choosing needs nothing of the others and runs on all cores.
void Loop::take_output(const Plan& plan, const StepOutput& output) {
  std::vector<Draw> draws;
  for (size_t i = 0; i < plan.chunks.size(); ++i) {
    const Chunk& chunk = plan.chunks[i];
    if (!chunk.decodes) take_prompt(chunk, output.chunks[i]);
    if (!chunk.samples || find(chunk.sequence).request == requests_.end()) continue;
    add_draws(find(chunk.sequence), output.chunks[i].last(), draws);
  }
  choose(draws);
  for (const Draw& draw : draws) take_token(draw);
}

// The row that ends a prompt is every answer's.
void Loop::add_draws(const Answer& first, std::span<const float> logits, std::vector<Draw>& draws) {
  const auto answers = first->must_fork() ? first->running() : std::vector<int32_t>{first.index};
  if (first->must_fork()) fork(first);
  for (const int32_t answer : answers) {
    Generation& generation = first->generation(answer);
    draws.push_back({.id = first.request->first + static_cast<SequenceId>(answer),
                     .generation = generation,
                     .logits = logits,
                     .allowed = generation.allowed()});
    if (!draws.back().allowed) draws.back().sampled = draws.back().allowed.error();
  }
}

void Loop::choose(std::vector<Draw>& draws) {
  runner_.for_each(static_cast<int>(draws.size()), [&](int index, int thread) {
    Draw& draw = draws[static_cast<size_t>(index)];
    if (!draw.allowed) return;
    try {
      draw.sampled = draw.generation.choose(draw.logits, *draw.allowed, workspaces_[static_cast<size_t>(thread)]);
    } catch (const std::exception& e) {  // on a thread that must not throw
      draw.sampled = Error{ErrorCode::internal, e.what(), ""};
    }
  });
}

void Loop::save_prompts(const Plan& plan) {
  if (options_.prefix_tier == nullptr) return;
  for (const Chunk& chunk : plan.chunks) {
    if (chunk.decodes) continue;
    options_.prefix_tier->save(chunk.sequence, find(chunk.sequence)->prepared().ids,
                               chunk.position_begin + chunk.token_count, *scheduler_);
  }
}

void Loop::take_prompt(const Chunk& chunk, const OutputRows& rows) {
  const Answer answer = find(chunk.sequence);
  // After a preemption the prompt is computed again, and what it gives has been told.
  if (!answer->generation(answer.index).tokens().empty()) return;
  if (answer->take_prompt(chunk, rows)) finish_all(answer.request, FinishReason::length);
}

// The other answers begin where the first one stands, behind the prompt.
void Loop::fork(const Answer& first) {
  first->fork();
  std::vector<SequenceId> ids;
  for (const int32_t answer : first->running()) {
    if (answer != first.index) ids.push_back(first.request->first + static_cast<SequenceId>(answer));
  }
  scheduler_->fork(first.request->first, ids);
}

void Loop::take_token(const Draw& draw) {
  const Answer answer = find(draw.id);
  if (!draw.sampled) return fail(answer, draw.sampled.error());
  const auto reason = answer->take_token(answer.index, *draw.sampled, draw.logits);
  count_token(answer->generation(answer.index));
  if (reason) return finish(answer, *reason);
  if (answer->generation(answer.index).guide()) ask_guide(answer, draw.sampled->id);
}

// Exactly the sequences of the step; one whose prompt was under way is all of its request's answers.
void Loop::fail_step(const Plan& plan, const Error& error) {
  for (const Chunk& chunk : plan.chunks) {
    const Answer answer = find(chunk.sequence);
    if (answer->must_fork()) {
      fail_all(answer.request, error);
    } else {
      fail(answer, error);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------- ends

void Loop::finish(const Answer& answer, FinishReason reason) {
  answer->finish(answer.index, reason);
  close_answer(answer);
}

void Loop::fail(const Answer& answer, const Error& error) {
  answer->fail(answer.index, error);
  close_answer(answer);
}

void Loop::finish_all(Requests::iterator request, FinishReason reason) {
  for (const int32_t answer : std::vector<int32_t>(request->second->running())) finish({request, answer}, reason);
}

void Loop::fail_all(Requests::iterator request, const Error& error) {
  for (const int32_t answer : std::vector<int32_t>(request->second->running())) fail({request, answer}, error);
}

// Its last event is out: its pages go, and with the last answer the request.
void Loop::close_answer(const Answer& answer) {
  const SequenceId id = answer.request->first + static_cast<SequenceId>(answer.index);
  if (scheduler_->has(id)) scheduler_->remove(id);
  if (!answer->running().empty()) return;
  count_end(*answer);
  streams_.close(answer.request->first);
  if (options_.prefix_tier != nullptr) options_.prefix_tier->forget(answer.request->first);
  requests_.erase(answer.request);
}

void Loop::rebuild(const Error& error) {
  step_failed(error.message);
  while (!requests_.empty()) fail_all(requests_.begin(), error);
  asked_.clear();
  counted_ += scheduler_->counters();
  scheduler_.emplace(options_.limits, groups_);
  plan_ = {};
  publish();
}

// ------------------------------------------------------------------------------------------------------------- metrics

void Loop::step_failed(const std::string& why) {
  ++report_.metrics.failed_steps;
  report_.failed_at = Clock::now();
  report_.failure = why;
  governor_.step_failed();
}

void Loop::count_step(const Plan& plan, double step_ms, double host_ms) {
  Metrics& metrics = report_.metrics;
  ++metrics.steps;
  metrics.batch_rows.add(plan.row_count());
  metrics.step_ms.add(step_ms);
  metrics.host_ms.add(host_ms + std::exchange(read_ms_, 0));
  publish();
}

void Loop::count_token(const Generation& generation) {
  Metrics& metrics = report_.metrics;
  ++metrics.completion_tokens;
  if (generation.token_gap_ms() == 0) {
    metrics.first_token_ms.add(generation.first_token_ms());
  } else {
    metrics.inter_token_ms.add(generation.token_gap_ms());
  }
}

// A request counts once, whatever the number of its answers.
void Loop::count_end(const ActiveRequest& request) {
  Metrics& metrics = report_.metrics;
  if (request.has_failed()) {
    ++metrics.requests_failed;
  } else {
    ++(request.was_cancelled() ? metrics.requests_cancelled : metrics.requests_finished);
  }
  metrics.request_ms.add(request.elapsed_ms());
}

// Counters and gauges as they are between two steps.
void Loop::publish() {
  Metrics& metrics = report_.metrics;
  metrics.queue_depth = scheduler_->waiting_count();
  metrics.running = scheduler_->running_count();
  metrics.paused = scheduler_->paused_count();
  metrics.pages_total = metrics.pages_free = metrics.pages_cached = 0;
  for (const scheduler::PagePool& pool : scheduler_->pools()) {
    metrics.pages_total += static_cast<uint64_t>(pool.page_count());
    metrics.pages_free += static_cast<uint64_t>(pool.free_count());
    metrics.pages_cached += static_cast<uint64_t>(pool.idle_count());
  }
  governor_.describe(report_);
  if (options_.prefix_tier != nullptr && report_.trouble.empty()) report_.trouble = options_.prefix_tier->trouble();
  scheduler::Counters counters = counted_;
  counters += scheduler_->counters();
  counters.transitions += streams_.transitions();
  metrics.preemptions = counters.preemptions;
  metrics.state_transitions += counters.transitions.made;
  metrics.invalid_transitions += counters.transitions.refused;
  port_.refuses_until = governor_.refuses_until();
  is_published_ = port_.board.publish(report_);
}

}  // namespace mlxserving::engine
