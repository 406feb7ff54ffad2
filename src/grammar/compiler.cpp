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
  std::shared_future<Compiled> result;
  {
    const std::lock_guard lock(mutex_);
    if (auto grammar = find(key)) return grammar;
    if (const auto pending = pending_.find(key); pending != pending_.end()) {
      result = pending->second;
    } else {
      Job job{key, constraint, {}};
      result = job.promise.get_future().share();
      if (!jobs_.try_push(job)) {
        return fail(ErrorCode::resource_exhausted, "constraint", "{} constraints wait to be compiled, and no more may",
                    limits_.waiting_max);
      }
      pending_.emplace(key, result);
      if (threads_.empty()) {
        for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
      }
    }
  }
  if (result.wait_for(limits_.deadline) == std::future_status::ready) return result.get();
  return fail(ErrorCode::timeout, "constraint", "the {} was not compiled within {} ms: simplify it, or try again",
              name_of(constraint), limits_.deadline.count());
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
  while (auto job = jobs_.pop()) {
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
