#include "grammar/rule_set.h"

#include <algorithm>

#include "core/result.h"

namespace mlxserving::grammar {

Expression Expression::times(Expression part, uint32_t min, uint32_t max) {
  Expression result{.kind = Kind::repeat, .name = {}, .parts = {}, .min = min, .max = max};
  result.parts.push_back(std::move(part));
  return result;
}

// From expressions to sequences of symbols.
class RuleMachine::Loader {
 public:
  Loader(RuleMachine& machine, const RuleSet& set) : machine_(machine), pool_(machine.lexicon().pool()), set_(set) {}

  Result<void> load() {
    if (!set_.rules.contains(set_.start))
      return fail(ErrorCode::invalid_request, set_.start, "there is no rule {}", set_.start);
    for (const auto& [name, body] : set_.rules) {
      if (body.kind == Expression::Kind::terminal) continue;
      MLXS_CHECKED(check_names(body, name));
    }
    find_recursive();
    MLXS_TRY(machine_.start_, rule(set_.start));
    for (size_t i = 0; i < pending_.size(); ++i) {
      const auto [name, id] = pending_[i];
      MLXS_TRY(auto sequences, alternatives(set_.rules.at(name)));
      assign(id, std::move(sequences));
    }
    remove_left_recursion();
    MLXS_CHECKED(check_left_recursion());
    if (machine_.is_exhausted() || symbols_ > machine_.limits_.symbols_max) {
      return fail(ErrorCode::resource_exhausted, "grammar", "the grammar is larger than {} symbols",
                  machine_.limits_.symbols_max);
    }
    return {};
  }

 private:
  using Kind = Expression::Kind;

  Result<void> check_names(const Expression& e, const std::string& rule) const {
    if (e.kind == Kind::name && !set_.rules.contains(e.name)) {
      return fail(ErrorCode::invalid_request, rule, "rule {} refers to {}, which is not defined", rule, e.name);
    }
    for (const Expression& part : e.parts) MLXS_CHECKED(check_names(part, rule));
    return {};
  }

  static void names_in(const Expression& e, std::vector<std::string>& out) {
    if (e.kind == Kind::name) out.push_back(e.name);
    for (const Expression& part : e.parts) names_in(part, out);
  }

  // A rule is recursive if it reaches itself, or one that is: what remains is regular. Tarjan's components, by hand: a
  // rule that reaches no unfinished rule and no recursive one is regular.
  void find_recursive() {
    std::map<std::string, std::vector<std::string>> edges;
    for (const auto& [name, body] : set_.rules) names_in(body, edges[name]);
    std::map<std::string, int> state;  // 1 open, 2 done
    for (const auto& [name, body] : set_.rules) {
      std::vector<std::pair<std::string, size_t>> open{{name, 0}};
      if (state[name] != 0) continue;
      state[name] = 1;
      while (!open.empty()) {
        auto& [at, next] = open.back();
        if (next == edges[at].size()) {
          state[at] = 2;
          for (const std::string& to : edges[at]) {
            if (recursive_.contains(to)) recursive_[at] = true;
          }
          open.pop_back();
          continue;
        }
        const std::string to = edges[at][next++];
        if (state[to] == 1) recursive_[to] = true;
        if (state[to] == 0) {
          state[to] = 1;
          open.emplace_back(to, 0);
        }
      }
    }
    // What a later search found recursive reaches back to those before it.
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [name, to] : edges) {
        if (recursive_.contains(name)) continue;
        if (std::ranges::any_of(to, [&](const std::string& target) { return recursive_.contains(target); }))
          changed = recursive_[name] = true;
      }
    }
  }

  bool is_regular(const Expression& e) const {
    if (e.kind == Kind::name) return !recursive_.contains(e.name);
    return std::ranges::all_of(e.parts, [&](const Expression& part) { return is_regular(part); });
  }

  RegexId regex(const Expression& e) {
    switch (e.kind) {
      case Kind::terminal: return e.terminal;
      case Kind::name: {
        if (const auto found = regexes_.find(e.name); found != regexes_.end()) return found->second;
        const RegexId result = regex(set_.rules.at(e.name));
        regexes_.emplace(e.name, result);
        return result;
      }
      case Kind::sequence: {
        RegexId result = kEmptyText;
        for (size_t i = e.parts.size(); i-- > 0;) result = pool_.concat(regex(e.parts[i]), result);
        return result;
      }
      case Kind::choice: {
        std::vector<RegexId> parts;
        parts.reserve(e.parts.size());
        for (const Expression& part : e.parts) parts.push_back(regex(part));
        return pool_.any_of(std::move(parts));
      }
      case Kind::repeat: return pool_.repeat(regex(e.parts[0]), e.min, e.max);
    }
    return kNothing;
  }

  Result<uint32_t> rule(const std::string& name) {
    if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
    const uint32_t id = fresh();
    ids_.emplace(name, id);
    pending_.emplace_back(name, id);
    return id;
  }

  uint32_t fresh() {
    machine_.rules_.emplace_back();
    return static_cast<uint32_t>(machine_.rules_.size() - 1);
  }

  void assign(uint32_t rule, std::vector<Sequence> sequences) {
    for (Sequence& sequence : sequences) {
      fuse(sequence);
      symbols_ += sequence.size() + 1;
      machine_.sequences_.push_back(std::move(sequence));
      machine_.rules_[rule].push_back(static_cast<uint32_t>(machine_.sequences_.size() - 1));
    }
  }

  // Terminals in a row are one.
  void fuse(Sequence& sequence) {
    Sequence fused;
    for (const Symbol& symbol : sequence) {
      if (symbol.is_terminal && symbol.id == kEmptyText) continue;
      if (symbol.is_terminal && !fused.empty() && fused.back().is_terminal) {
        fused.back().id = pool_.concat(fused.back().id, symbol.id);
      } else {
        fused.push_back(symbol);
      }
    }
    sequence = std::move(fused);
  }

  Result<std::vector<Sequence>> alternatives(const Expression& e) {
    std::vector<Sequence> result;
    if (is_regular(e)) return std::vector<Sequence>{{{.is_terminal = true, .id = regex(e)}}};
    if (e.kind != Kind::choice) {
      Sequence sequence;
      MLXS_CHECKED(append(e, sequence));
      result.push_back(std::move(sequence));
      return result;
    }
    std::vector<RegexId> regular;  // these are one alternative
    for (const Expression& part : e.parts) {
      if (is_regular(part)) {
        regular.push_back(regex(part));
        continue;
      }
      MLXS_TRY(auto inner, alternatives(part));
      std::ranges::move(inner, std::back_inserter(result));
    }
    if (!regular.empty()) result.push_back({{.is_terminal = true, .id = pool_.any_of(std::move(regular))}});
    return result;
  }

  Result<void> append(const Expression& e, Sequence& out) {
    if (symbols_ > machine_.limits_.symbols_max)
      return fail(ErrorCode::resource_exhausted, "grammar", "the grammar is too large");
    if (is_regular(e)) {
      out.push_back({.is_terminal = true, .id = regex(e)});
      return {};
    }
    switch (e.kind) {
      case Kind::terminal: break;
      case Kind::name: {
        MLXS_TRY(const uint32_t id, rule(e.name));
        out.push_back({.is_terminal = false, .id = id});
        break;
      }
      case Kind::sequence:
        for (const Expression& part : e.parts) MLXS_CHECKED(append(part, out));
        break;
      case Kind::choice: {
        const uint32_t id = fresh();
        MLXS_TRY(auto inner, alternatives(e));
        assign(id, std::move(inner));
        out.push_back({.is_terminal = false, .id = id});
        break;
      }
      case Kind::repeat: return append_repeat(e, out);
    }
    return {};
  }

  Result<void> append_repeat(const Expression& e, Sequence& out) {
    Sequence once;
    MLXS_CHECKED(append(e.parts[0], once));
    symbols_ += uint64_t{e.min} * once.size();
    if (symbols_ > machine_.limits_.symbols_max)
      return fail(ErrorCode::resource_exhausted, "grammar", "a repeat is too large");
    for (uint32_t i = 0; i < e.min; ++i) out.insert(out.end(), once.begin(), once.end());
    if (e.max == e.min) return {};
    // Unbounded: more = once more | nothing. Bounded: a chain of optional ones.
    if (e.max == kUnbounded) {
      const uint32_t more = fresh();
      Sequence again = once;
      again.push_back({.is_terminal = false, .id = more});
      assign(more, {again, {}});
      out.push_back({.is_terminal = false, .id = more});
      return {};
    }
    symbols_ += uint64_t{e.max - e.min} * (once.size() + 2);
    if (symbols_ > machine_.limits_.symbols_max)
      return fail(ErrorCode::resource_exhausted, "grammar", "a repeat is too large");
    uint32_t rest = UINT32_MAX;
    for (uint32_t i = e.min; i < e.max; ++i) {
      const uint32_t optional = fresh();
      Sequence taken = once;
      if (rest != UINT32_MAX) taken.push_back({.is_terminal = false, .id = rest});
      assign(optional, {taken, {}});
      rest = optional;
    }
    out.push_back({.is_terminal = false, .id = rest});
    return {};
  }

  // a = a x | y becomes a = y more, more = x more | nothing.
  void remove_left_recursion() {
    const size_t rules = machine_.rules_.size();
    for (uint32_t id = 0; id < rules; ++id) {
      const auto is_left = [&](uint32_t sequence) {
        const Sequence& symbols = machine_.sequences_[sequence];
        return !symbols.empty() && !symbols[0].is_terminal && symbols[0].id == id;
      };
      const std::vector<uint32_t> all = machine_.rules_[id];
      if (std::ranges::none_of(all, is_left)) continue;
      const uint32_t more = fresh();
      const Symbol again{.is_terminal = false, .id = more};
      machine_.rules_[id].clear();
      std::vector<Sequence> bases, tails{{}};
      for (const uint32_t sequence : all) {
        Sequence symbols = machine_.sequences_[sequence];
        const bool is_tail = is_left(sequence);
        if (is_tail) symbols.erase(symbols.begin());
        if (is_tail && symbols.empty()) continue;  // a = a says nothing
        symbols.push_back(again);
        (is_tail ? tails : bases).push_back(std::move(symbols));
      }
      assign(id, std::move(bases));
      assign(more, std::move(tails));
    }
  }

  bool is_nullable(const Sequence& sequence, const std::vector<bool>& nullable) const {
    return std::ranges::all_of(
        sequence, [&](const Symbol& s) { return s.is_terminal ? pool_.is_nullable(s.id) : nullable[s.id]; });
  }

  // Expanding a rule must not come back to it before a byte is read.
  Result<void> check_left_recursion() {
    const auto& rules = machine_.rules_;
    std::vector<bool> nullable(rules.size(), false);
    for (bool changed = true; changed;) {
      changed = false;
      for (uint32_t id = 0; id < rules.size(); ++id) {
        if (nullable[id]) continue;
        if (std::ranges::any_of(rules[id], [&](uint32_t s) { return is_nullable(machine_.sequences_[s], nullable); }))
          changed = nullable[id] = true;
      }
    }
    std::vector<std::vector<uint32_t>> first(rules.size());
    for (uint32_t id = 0; id < rules.size(); ++id) {
      for (const uint32_t sequence : rules[id]) {
        for (const Symbol& symbol : machine_.sequences_[sequence]) {
          if (!symbol.is_terminal) first[id].push_back(symbol.id);
          if (symbol.is_terminal ? !pool_.is_nullable(symbol.id) : !nullable[symbol.id]) break;
        }
      }
    }
    std::vector<uint8_t> colour(rules.size(), 0);
    for (uint32_t start = 0; start < rules.size(); ++start) {
      std::vector<std::pair<uint32_t, size_t>> open{{start, 0}};
      if (colour[start] != 0) continue;
      colour[start] = 1;
      while (!open.empty()) {
        auto& [at, next] = open.back();
        if (next == first[at].size()) {
          colour[at] = 2;
          open.pop_back();
          continue;
        }
        const uint32_t to = first[at][next++];
        if (colour[to] == 1)
          return fail(ErrorCode::invalid_request, name_of(to), "rule {} begins with itself through other rules",
                      name_of(to));
        if (colour[to] == 0) {
          colour[to] = 1;
          open.emplace_back(to, 0);
        }
      }
    }
    return {};
  }

  std::string name_of(uint32_t id) const {
    for (const auto& [name, rule] : ids_) {
      if (rule == id) return name;
    }
    return "a repeated group";
  }

  RuleMachine& machine_;
  RegexPool& pool_;
  const RuleSet& set_;
  std::map<std::string, bool> recursive_;
  std::map<std::string, RegexId> regexes_;
  std::map<std::string, uint32_t> ids_;
  std::vector<std::pair<std::string, uint32_t>> pending_;
  size_t symbols_ = 0;
};

Result<void> RuleMachine::load(const RuleSet& rules) {
  if (rules.rules.size() > limits_.rules_max) {
    return fail(ErrorCode::resource_exhausted, "grammar", "a grammar has at most {} rules, this one {}",
                limits_.rules_max, rules.rules.size());
  }
  MLXS_CHECKED(Loader(*this, rules).load());
  std::vector<Config> start;
  begin(start);
  if (is_exhausted())
    return fail(ErrorCode::resource_exhausted, "grammar", "the grammar is larger than its limits of states allow");
  if (start.empty()) return fail(ErrorCode::invalid_request, "grammar", "no text can match the grammar");
  return {};
}

ContextId RuleMachine::intern(const Frame& frame) {
  const uint64_t hash =
      ((uint64_t{frame.sequence} << 32) ^ (uint64_t{frame.at} << 20) ^ frame.above) * 0x9E3779B97F4A7C15ULL;
  const auto [from, to] = frame_index_.equal_range(hash);
  for (auto entry = from; entry != to; ++entry) {
    if (frames_[entry->second] == frame) return entry->second;
  }
  exhausted_ = exhausted_ || frames_.size() >= limits_.frames_max;
  frames_.push_back(frame);
  const auto id = static_cast<ContextId>(frames_.size() - 1);
  frame_index_.emplace(hash, id);
  return id;
}

// What may be read at a place in a sequence.
void RuleMachine::expand(uint32_t sequence, uint32_t at, ContextId above, std::vector<Config>& out) {
  if (out.size() > limits_.branches_max) exhausted_ = true;
  if (exhausted_) return;
  const Sequence& symbols = sequences_[sequence];
  if (at == symbols.size()) {
    if (above == 0) {
      out.push_back({.lex = kEnd, .context = 0, .capture = 0});
    } else {
      const Frame frame = frames_[above];
      expand(frame.sequence, frame.at + 1, frame.above, out);
    }
    return;
  }
  const Symbol symbol = symbols[at];
  if (symbol.is_terminal) {
    const LexId lex = lexicon().state({{0, symbol.id}});
    if (lex != kDead)
      out.push_back({.lex = lex, .context = intern({.sequence = sequence, .at = at, .above = above}), .capture = 0});
    return;
  }
  const bool is_last = at + 1 == symbols.size();
  const ContextId inner = is_last ? above : intern({.sequence = sequence, .at = at, .above = above});
  for (const uint32_t alternative : std::vector(rules_[symbol.id])) expand(alternative, 0, inner, out);
}

void RuleMachine::begin(std::vector<Config>& out) {
  for (const uint32_t sequence : rules_[start_]) expand(sequence, 0, 0, out);
}

void RuleMachine::leave(const Config& at, std::vector<Config>& out) {
  const Frame frame = frames_[at.context];
  expand(frame.sequence, frame.at + 1, frame.above, out);
}

}  // namespace mlxserving::grammar
