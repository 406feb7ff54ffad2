// The grammar's side of one answer: which tokens may come next, what is forced, and when the text is complete.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "grammar/compiler.h"
#include "mlxserving/error.h"
#include "text/tokenizer.h"

namespace mlxserving::engine {

struct TextModel;

// A compiler of constraints for a model's vocabulary; it reads `text` when the first constraint comes.
std::unique_ptr<grammar::Compiler> make_compiler(const TextModel& text, int32_t vocabulary_size);

// The engine thread's while it is not busy; while it is, the thread's that does its work, which is the only one that
// has the grammar then. `tokenizer` outlives it.
class Guide {
 public:
  Guide(std::shared_ptr<grammar::Grammar> grammar, const text::Tokenizer& tokenizer)
      : grammar_(std::move(grammar)), tokenizer_(tokenizer) {}
  // For an answer that goes on from the same text. `other` is not busy.
  Guide(const Guide& other)
      : grammar_(other.grammar_), tokenizer_(other.tokenizer_), matcher_(other.matcher_), words_(other.words_) {}
  Guide& operator=(const Guide&) = delete;

  const grammar::Grammar* grammar() const { return grammar_.get(); }

  // Before work is handed over.
  void set_busy() { is_busy_.store(true, std::memory_order_release); }
  bool is_busy() const { return is_busy_.load(std::memory_order_acquire); }
  // Goes on with the token that was chosen, or begins; then at most `forced_max` tokens are taken that the grammar
  // forces, and the mask behind them is found. Ends being busy. Throws nothing.
  void work(std::optional<int32_t> token, size_t forced_max);

  // Of the work that was done last:
  std::chrono::steady_clock::duration last_work() const { return last_work_; }
  std::vector<int32_t> take_forced() { return std::exchange(taken_, {}); }
  // A bit for each row of the logits, as Sampler::sample takes them; valid until the next work. Error:
  // resource_exhausted where the grammar met a limit.
  Result<std::span<const uint32_t>> allowed() const;
  // Nothing may follow.
  bool is_over() const { return is_over_; }

 private:
  void follow(std::optional<int32_t> token, size_t forced_max);
  void accept(int32_t token);

  std::shared_ptr<grammar::Grammar> grammar_;
  const text::Tokenizer& tokenizer_;
  std::optional<grammar::Matcher> matcher_;  // made with the first work
  std::vector<uint32_t> words_;              // of the mask
  std::deque<int32_t> forced_;               // still to come
  std::vector<int32_t> taken_;               // forced, and accepted
  std::chrono::steady_clock::duration last_work_{};
  std::optional<Error> error_;
  bool is_over_ = false;
  std::atomic<bool> is_busy_ = false;
};

}  // namespace mlxserving::engine
