#include "grammar/compiler.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/result.h"

namespace mlxserving::grammar {

Compiler::Compiler(MakeVocabulary make_vocabulary, Limits limits)
    : make_vocabulary_(std::move(make_vocabulary)), limits_(limits), jobs_(limits_.waiting_max) {}

Compiler::~Compiler() {
  jobs_.close();
  for (std::thread& thread : threads_) thread.join();
}

Compiler::Compiled Compiler::compile(const Constraint& constraint) {
  const std::string key = content_key(constraint);
  std::shared_ptr<Pending> pending;
  {
    const std::lock_guard lock(mutex_);
    if (auto grammar = find(key)) return grammar;
    if (const auto found = pending_.find(key); found != pending_.end()) {
      pending = found->second;
    } else {
      pending = std::make_shared<Pending>();
      Job job{key, constraint, {}, pending};
      pending->result = job.promise.get_future().share();
      if (!jobs_.try_push(job)) {
        return fail(ErrorCode::resource_exhausted, "constraint", "{} constraints wait to be compiled, and no more may",
                    limits_.waiting_max);
      }
      pending_.emplace(key, pending);
      if (threads_.empty()) {
        for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
      }
    }
  }
  return wait_for(constraint, *pending);
}

Compiler::Compiled Compiler::wait_for(const Constraint& constraint, const Pending& pending) {
  using Clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;
  const auto until = Clock::now() + limits_.patience;
  // A thread uses no more time than passes: before what is left of the deadline it cannot be over.
  for (milliseconds left = limits_.deadline; left > milliseconds(0); left = limits_.deadline - used_by(pending)) {
    const auto look = std::min<Clock::time_point>(Clock::now() + left, until);
    if (pending.result.wait_until(look) == std::future_status::ready) return pending.result.get();
    if (Clock::now() >= until) {
      return fail(ErrorCode::timeout, "constraint", "the {} was not compiled within {} s on a busy machine: try again",
                  name_of(constraint), limits_.patience.count() / 1000);
    }
  }
  return fail(ErrorCode::timeout, "constraint",
              "the {} was not compiled within {} ms of the processor's time: simplify it, or try again",
              name_of(constraint), limits_.deadline.count());
}

std::chrono::milliseconds Compiler::used_by(const Pending& pending) {
  const std::lock_guard lock(mutex_);
  if (!pending.begun) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(pending.begun->clock.used() - pending.begun->at);
}

std::shared_ptr<Grammar> Compiler::find(const std::string& key) {
  const auto found = std::ranges::find(kept_, key, &Kept::key);
  if (found == kept_.end()) return nullptr;
  if (found->grammar->is_worn()) {
    kept_.erase(found);
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front().grammar;
}

void Compiler::keep(const std::string& key, const Compiled& compiled) {
  const std::lock_guard lock(mutex_);
  pending_.erase(key);
  if (!compiled) return;
  kept_.push_front({key, *compiled});
  if (kept_.size() > limits_.grammars_max) kept_.pop_back();
}

Result<std::shared_ptr<const Vocabulary>> Compiler::vocabulary() {
  std::call_once(vocabulary_made_, [this] {
    auto made = make_vocabulary_();
    if (made) {
      vocabulary_ = std::move(*made);
    } else {
      vocabulary_error_ = made.error();
    }
  });
  if (vocabulary_error_) return *vocabulary_error_;
  return vocabulary_;
}

void Compiler::run() {
  const ThreadClock clock = ThreadClock::of_this_thread();
  while (auto job = jobs_.pop()) {
    {
      const std::lock_guard lock(mutex_);
      job->pending->begun = {.clock = clock, .at = clock.used()};
    }
    Compiled compiled = fail(ErrorCode::internal, "constraint", "not compiled");
    try {
      auto tokens = vocabulary();
      compiled = tokens ? grammar::compile(job->constraint, *tokens, limits_.compile) : Compiled(tokens.error());
    } catch (const std::exception& e) {
      compiled =
          fail(ErrorCode::internal, "constraint", "compiling the {} failed: {}", name_of(job->constraint), e.what());
    }
    keep(job->key, compiled);
    job->promise.set_value(std::move(compiled));
  }
}

}  // namespace mlxserving::grammar
