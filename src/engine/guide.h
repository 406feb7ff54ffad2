// The grammar's side of one answer: which tokens may come next, and when the text is complete.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "grammar/compiler.h"
#include "mlxserving/error.h"

namespace mlxserving::engine {

struct TextModel;

// A compiler of constraints for a model's vocabulary; it reads `text` when the first constraint comes.
std::unique_ptr<grammar::Compiler> make_compiler(const TextModel& text, int32_t vocabulary_size);

// Lives on the engine thread; the grammar's other matchers do too.
class Guide {
 public:
  explicit Guide(std::shared_ptr<grammar::Grammar> grammar);

  // A bit for each row of the logits, as Sampler::sample takes them; valid until the next call. Error:
  // resource_exhausted where the grammar met a limit.
  Result<std::span<const uint32_t>> allowed();
  // One of those allowed.
  void accept(int32_t token);
  // Nothing may follow.
  bool is_over() const { return matcher_.is_ended() || matcher_.must_end(); }

 private:
  grammar::Matcher matcher_;
  std::vector<uint64_t> mask_;
  std::vector<uint32_t> words_;  // of mask_
};

}  // namespace mlxserving::engine
