// Named rules over terminals, as every textual grammar notation is read into, and the machine that runs them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grammar/machine.h"
#include "mlxserving/error.h"

namespace mlxserving::grammar {

// What may stand on the right of a rule.
struct Expression {
  enum class Kind : uint8_t { terminal, name, sequence, choice, repeat };
  Kind kind = Kind::sequence;
  RegexId terminal = kEmptyText;
  std::string name;
  std::vector<Expression> parts;
  uint32_t min = 0, max = 0;

  static Expression of(RegexId terminal) {
    return {.kind = Kind::terminal, .terminal = terminal, .name = {}, .parts = {}};
  }
  static Expression to(std::string name) { return {.kind = Kind::name, .name = std::move(name), .parts = {}}; }
  static Expression all(std::vector<Expression> parts) {
    return {.kind = Kind::sequence, .name = {}, .parts = std::move(parts)};
  }
  static Expression any(std::vector<Expression> parts) {
    return {.kind = Kind::choice, .name = {}, .parts = std::move(parts)};
  }
  static Expression times(Expression part, uint32_t min, uint32_t max);
};

struct RuleLimits {
  size_t bytes_max = size_t{1} << 20;  // of the notation
  size_t rules_max = 20'000;
  size_t symbols_max = 500'000;  // after counted repeats are written out
  int depth_max = 200;           // of groups
  Lexicon::Limits lexicon;
  size_t frames_max = 500'000;
  size_t branches_max = 4'000;  // ways to have read one text
};

struct RuleSet {
  std::map<std::string, Expression> rules;
  std::string start;
};

// Runs rules top down over interned stacks, all alternatives at once. What no recursion reaches is one regular
// terminal; a call at the end of a rule leaves nothing on the stack. Direct left recursion is rewritten, indirect
// refused.
class RuleMachine final : public Machine {
 public:
  explicit RuleMachine(const RuleLimits& limits)
      : Machine(std::make_shared<Workspace>(limits.lexicon)), limits_(limits), frames_(1) {}

  // Errors: invalid_request naming the rule that is missing, empty for good, or left recursive; resource_exhausted.
  Result<void> load(const RuleSet& rules);

  void begin(std::vector<Config>& out) override;
  void leave(const Config& at, std::vector<Config>& out) override;
  bool is_exhausted() const override { return Machine::is_exhausted() || exhausted_; }
  double fullness() const override {
    return std::max(Machine::fullness(), static_cast<double>(frames_.size()) / static_cast<double>(limits_.frames_max));
  }

 private:
  struct Symbol {
    bool is_terminal;
    uint32_t id;  // a RegexId or a rule
  };
  using Sequence = std::vector<Symbol>;
  struct Frame {
    uint32_t sequence = 0;
    uint32_t at = 0;
    ContextId above = 0;
    friend bool operator==(const Frame&, const Frame&) = default;
  };

  class Loader;
  void expand(uint32_t sequence, uint32_t at, ContextId above, std::vector<Config>& out);
  ContextId intern(const Frame& frame);

  RuleLimits limits_;
  std::vector<Sequence> sequences_;
  std::vector<std::vector<uint32_t>> rules_;  // of sequences
  uint32_t start_ = 0;
  std::vector<Frame> frames_;  // 0 is the bottom
  std::unordered_multimap<uint64_t, ContextId> frame_index_;
  bool exhausted_ = false;
};

}  // namespace mlxserving::grammar
