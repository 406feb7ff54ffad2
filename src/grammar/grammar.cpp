#include "grammar/grammar.h"

#include <algorithm>
#include <array>

#include "core/result.h"

namespace mlxserving::grammar {

// The past is a list that forks share.
struct Matcher::Step {
  std::shared_ptr<const Step> before;
  Configs configs;
  size_t number = 0;
  bool ended = false;
};

Grammar::Grammar(std::unique_ptr<Machine> machine, std::shared_ptr<const Vocabulary> vocabulary,
                 const MaskStore::Limits& limits)
    : machine_(std::move(machine)),
      vocabulary_(vocabulary),
      masks_(*machine_, std::move(vocabulary), limits),
      recalling_tokens_(vocabulary_->tokens_where(machine_->recalls())) {}

Matcher::Matcher(std::shared_ptr<Grammar> grammar) : grammar_(std::move(grammar)) {
  Configs configs;
  grammar_->machine().begin(configs);
  close(configs);
  last_ = std::make_shared<const Step>(Step{.before = nullptr, .configs = std::move(configs)});
}

Matcher& Matcher::operator=(Matcher other) noexcept {
  std::swap(grammar_, other.grammar_);
  std::swap(last_, other.last_);
  return *this;
}

Matcher::~Matcher() { drop(); }

// Unlinks what only this matcher holds one by one: a long past must not become a deep recursion.
void Matcher::drop() {
  while (last_ && last_.use_count() == 1) {
    std::shared_ptr<const Step> before = last_->before;
    last_ = std::move(before);
  }
  last_.reset();
}

void Matcher::push(Configs configs, bool ended) {
  grammar_->note_wear();
  last_ = std::make_shared<const Step>(
      Step{.before = last_, .configs = std::move(configs), .number = last_->number + 1, .ended = ended});
}

// Adds what follows where a terminal is complete.
void Matcher::close(Configs& configs) const {
  Lexicon& lexicon = grammar_->machine().lexicon();
  const auto add = [&](const Config& config) {
    if (config.lex != kDead && std::ranges::find(configs, config) == configs.end()) configs.push_back(config);
  };
  std::vector<Config> next;
  for (size_t i = 0; i < configs.size(); ++i) {
    const Config config = configs[i];
    if (config.lex == kEnd || !lexicon.is_complete(config.lex)) continue;
    if (config.capture == 0) {
      next = grammar_->masks().after(config.lex, config.context);
    } else {
      next.clear();
      grammar_->machine().leave(config, next);
    }
    for (const Config& out : next) add(out);
  }
  std::erase_if(configs, [&](const Config& config) { return config.lex != kEnd && !lexicon.goes_on(config.lex); });
}

Matcher::Configs Matcher::advance(const Configs& from, uint8_t byte) const {
  Machine& machine = grammar_->machine();
  Configs next;
  for (const Config& config : from) {
    if (config.lex == kEnd) continue;
    const LexId lex = machine.lexicon().step(config.lex, byte);
    if (lex == kDead) continue;
    const CaptureId capture = config.capture == 0 ? 0 : machine.workspace().capture(config.capture, byte);
    next.push_back({.lex = lex, .context = config.context, .capture = capture});
  }
  close(next);
  return next;
}

Matcher::Configs Matcher::after_bytes(std::string_view bytes) const {
  Configs configs = last_->configs;
  for (size_t i = 0; i < bytes.size() && !configs.empty(); ++i)
    configs = advance(configs, static_cast<uint8_t>(bytes[i]));
  return configs;
}

bool Matcher::accept_bytes(std::string_view bytes) {
  if (is_ended()) return false;
  Configs configs = after_bytes(bytes);
  if (configs.empty()) return false;
  push(std::move(configs), false);
  return true;
}

bool Matcher::accept(TokenId token) {
  if (is_ended()) return false;
  if (vocabulary().is_end(token)) {
    if (!is_complete()) return false;
    push({}, true);
    return true;
  }
  return vocabulary().is_text(token) && accept_bytes(vocabulary().bytes(token));
}

bool Matcher::rollback(size_t steps) {
  if (steps > last_->number) return false;
  for (; steps > 0; --steps) {
    std::shared_ptr<const Step> before = last_->before;
    last_ = std::move(before);
  }
  return true;
}

size_t Matcher::steps() const { return last_->number; }

void Matcher::fill_mask(std::span<uint64_t> mask) {
  std::ranges::fill(mask, 0);
  if (is_ended()) return;
  bool verify = grammar_->machine().recalls_at_once();
  for (const Config& config : last_->configs) {
    grammar_->masks().add(config, mask);
    verify = verify || config.capture != 0;
  }
  if (verify) verify_recalling(mask);
  if (!is_complete()) return;
  for (const TokenId token : vocabulary().end_tokens()) mask[token >> 6] |= uint64_t{1} << (token & 63);
}

// What is remembered may forbid a token that the mask, found without it, allows.
void Matcher::verify_recalling(std::span<uint64_t> mask) const {
  for (const TokenId token : grammar_->recalling_tokens()) {
    const uint64_t bit = uint64_t{1} << (token & 63);
    if ((mask[token >> 6] & bit) == 0 || !recalls(vocabulary().bytes(token))) continue;
    if (after_bytes(vocabulary().bytes(token)).empty()) mask[token >> 6] &= ~bit;
  }
}

// Whether the bytes complete a terminal where something is remembered that they may meet.
bool Matcher::recalls(std::string_view bytes) const {
  Machine& machine = grammar_->machine();
  Lexicon& lexicon = machine.lexicon();
  return std::ranges::any_of(last_->configs, [&](const Config& config) {
    if (config.lex == kEnd || (config.capture == 0 && !machine.recalls_at_once())) return false;
    LexId lex = config.lex;
    for (const char c : bytes) {
      if (lexicon.is_complete(lex)) break;
      lex = lexicon.step(lex, static_cast<uint8_t>(c));
      if (lex == kDead) return false;
    }
    return lexicon.is_complete(lex) && machine.recalls_at(config, bytes);
  });
}

bool Matcher::is_complete() const {
  return std::ranges::any_of(last_->configs, [](const Config& config) { return config.lex == kEnd; });
}

bool Matcher::is_ended() const { return last_->ended; }

bool Matcher::must_end() const {
  return is_complete() && std::ranges::all_of(last_->configs, [](const Config& config) { return config.lex == kEnd; });
}

std::string Matcher::forced_bytes(size_t bytes_max) const {
  std::string forced;
  Configs configs = last_->configs;
  Lexicon& lexicon = grammar_->machine().lexicon();
  while (forced.size() < bytes_max && !configs.empty()) {
    int only = -1;
    for (const Config& config : configs) {
      if (config.lex == kEnd) return forced;
      for (int byte = 0; byte < 256; ++byte) {
        if (byte == only || lexicon.step(config.lex, static_cast<uint8_t>(byte)) == kDead) continue;
        if (only >= 0) return forced;
        only = byte;
      }
    }
    if (only < 0) return forced;
    configs = advance(configs, static_cast<uint8_t>(only));
    forced += static_cast<char>(only);
  }
  return forced;
}

Result<void> Matcher::status() const {
  if (!grammar_->machine().is_exhausted()) return {};
  return fail(ErrorCode::resource_exhausted, "grammar", "the grammar grew past its limits of states while it was used");
}

}  // namespace mlxserving::grammar
