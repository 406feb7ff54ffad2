// Compiles constraints away from the engine: on threads of its own, up to a deadline, each content once.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/bounded_queue.h"
#include "core/thread_clock.h"
#include "grammar/compile.h"

namespace mlxserving::grammar {

// Any thread may call. The grammars it hands out are for one thread to match with (Grammar), the same for all of them.
class Compiler {
 public:
  struct Limits {
    std::chrono::milliseconds deadline{2'000};   // of the processor's time, so that a busy machine refuses nothing
    std::chrono::milliseconds patience{60'000};  // of the clock, its turn included
    size_t grammars_max = 64;                    // kept
    size_t waiting_max = 64;                     // constraints in the queue
    CompileOptions compile = {};                 // its limits are the fuel and the memory of one grammar
  };
  using MakeVocabulary = std::function<Result<std::shared_ptr<const Vocabulary>>()>;

  // `make_vocabulary` runs once, on a thread of the compiler, when the first constraint comes.
  Compiler(MakeVocabulary make_vocabulary, Limits limits);
  explicit Compiler(MakeVocabulary make_vocabulary) : Compiler(std::move(make_vocabulary), Limits{}) {}
  ~Compiler();
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // Waits until the grammar is there, or the work has used up its deadline or the caller's patience (timeout; the work
  // goes on, and the next call finds it). Errors: those of compile(); resource_exhausted where too many wait.
  Result<std::shared_ptr<Grammar>> compile(const Constraint& constraint);

 private:
  using Compiled = Result<std::shared_ptr<Grammar>>;
  // What has begun: on which thread's clock, and when.
  struct Begun {
    ThreadClock clock;
    std::chrono::nanoseconds at;
  };
  struct Pending {
    std::shared_future<Compiled> result;
    std::optional<Begun> begun;  // guarded by mutex_
  };
  struct Job {
    std::string key;
    Constraint constraint;
    std::promise<Compiled> promise;
    std::shared_ptr<Pending> pending;
  };
  struct Kept {
    std::string key;
    std::shared_ptr<Grammar> grammar;
  };

  static constexpr int kThreads = 2;  // a slow constraint holds up no other

  std::shared_ptr<Grammar> find(const std::string& key);
  void keep(const std::string& key, const Compiled& compiled);
  Compiled wait_for(const Constraint& constraint, const Pending& pending);
  std::chrono::milliseconds used_by(const Pending& pending);
  void run();
  Result<std::shared_ptr<const Vocabulary>> vocabulary();

  MakeVocabulary make_vocabulary_;
  Limits limits_;
  std::once_flag vocabulary_made_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  std::optional<Error> vocabulary_error_;

  std::mutex mutex_;
  std::list<Kept> kept_;  // the last used first
  std::map<std::string, std::shared_ptr<Pending>> pending_;
  BoundedQueue<Job> jobs_;
  std::vector<std::thread> threads_;  // started with the first job
};

}  // namespace mlxserving::grammar
