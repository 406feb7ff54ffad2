// A compiled grammar over a vocabulary, and the matcher that walks it with one answer: which tokens may come next.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "grammar/machine.h"
#include "grammar/mask_store.h"
#include "grammar/vocabulary.h"
#include "mlxserving/error.h"

namespace mlxserving::grammar {

// A machine and the masks found for it. Matchers of one grammar share what they find, so they must stay on one thread
// at a time; compile once a thread otherwise (masks of the vocabulary are shared between all).
class Grammar {
 public:
  Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<const Vocabulary> vocabulary,
          const MaskStore::Limits& limits = {});

  Machine& machine() { return *machine_; }
  MaskStore& masks() { return masks_; }
  const Vocabulary& vocabulary() const { return *vocabulary_; }
  // Text tokens that the machine may forbid for what it remembers.
  std::span<const TokenId> recalling_tokens() const { return recalling_tokens_; }

  // Any thread: so much of the limits is used that new texts should begin with a new grammar.
  bool is_worn() const { return is_worn_.load(std::memory_order_relaxed); }
  void note_wear() {
    if (machine_->fullness() > 0.5) is_worn_.store(true, std::memory_order_relaxed);
  }

 private:
  std::unique_ptr<Machine> machine_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  MaskStore masks_;
  std::span<const TokenId> recalling_tokens_;
  std::atomic<bool> is_worn_ = false;
};

// Follows one text through a grammar. A copy is a fork: it shares the past and costs as much as the present.
class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Grammar> grammar);
  Matcher(const Matcher&) = default;
  Matcher(Matcher&&) = default;
  Matcher& operator=(Matcher other) noexcept;
  ~Matcher();

  // One token, or nothing changes and false comes back. An end token is accepted where the text is complete.
  bool accept(TokenId token);
  // Bytes as one step of the history; as with a token, all or nothing.
  bool accept_bytes(std::string_view bytes);
  // Takes back the last `steps` accepted tokens or pieces of bytes; false, and nothing happens, where there are fewer.
  bool rollback(size_t steps);
  size_t steps() const;

  // Writes vocabulary().mask_words() words: a set bit for each token that accept() would take.
  void fill_mask(std::span<uint64_t> mask);

  // The text may end here.
  bool is_complete() const;
  // An end token was accepted.
  bool is_ended() const;
  // The text can only end here.
  bool must_end() const;
  // The bytes that must come next, whatever the model says; at most `bytes_max`.
  std::string forced_bytes(size_t bytes_max = 4096) const;

  // resource_exhausted where a limit of the grammar was reached; the row cannot go on.
  Result<void> status() const;
  const Vocabulary& vocabulary() const { return grammar_->vocabulary(); }

 private:
  struct Step;
  using Configs = std::vector<Config>;

  Configs after_bytes(std::string_view bytes) const;
  void verify_recalling(std::span<uint64_t> mask) const;
  bool recalls(std::string_view bytes) const;
  Configs advance(const Configs& from, uint8_t byte) const;
  void close(Configs& configs) const;
  void push(Configs configs, bool ended);
  void drop();

  std::shared_ptr<Grammar> grammar_;
  std::shared_ptr<const Step> last_;
};

}  // namespace mlxserving::grammar
