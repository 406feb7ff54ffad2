// What a front-end compiles to: a pushdown machine whose moves inside a terminal are a Lexicon's, and whose moves from
// one terminal to the next are its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/lexicon.h"
#include "grammar/vocabulary.h"

namespace mlxserving::grammar {

using ContextId = uint32_t;
using CaptureId = uint32_t;

// One way to have read the text so far: where one is inside a terminal, and what is open around it. Contexts are
// interned, so equal numbers are equal futures. A capture holds the bytes that something later must remember; it is 0
// where nothing is remembered, and masks are found without it.
struct Config {
  LexId lex = kDead;
  ContextId context = 0;
  CaptureId capture = 0;
  friend bool operator==(const Config&, const Config&) = default;
};

// What the machines of one grammar share: the automaton of terminals, and what is remembered of a text.
class Workspace {
 public:
  explicit Workspace(const Lexicon::Limits& limits) : lexicon_(limits) {}

  Lexicon& lexicon() { return lexicon_; }

  // The capture with one more byte.
  CaptureId capture(CaptureId to, uint8_t byte);
  // A capture inside `outer`, which may be 0.
  CaptureId open_capture(CaptureId outer);
  // The bytes since the innermost open, and the capture that goes on outside it (0 if none does).
  CaptureId close_capture(CaptureId capture, std::string& bytes);

  // How much of the tightest limit is used, in [0, 1].
  double fullness() const {
    return std::max(lexicon_.fullness(), static_cast<double>(captures_.size()) / static_cast<double>(kCapturesMax));
  }
  bool is_exhausted() const { return lexicon_.is_exhausted() || captures_.size() > kCapturesMax; }

 private:
  static constexpr size_t kCapturesMax = size_t{1} << 24;  // bytes remembered, 12 bytes each

  struct CaptureNode {
    CaptureId before;
    CaptureId opened;  // the innermost open node, itself included
    int16_t byte;      // or kOpen
  };
  static constexpr int16_t kOpen = -1;

  Lexicon lexicon_;
  std::vector<CaptureNode> captures_{{}};
};

// Lazily built, never shrinking, bounded by its limits. Not for two threads at once.
class Machine {
 public:
  explicit Machine(std::shared_ptr<Workspace> workspace) : workspace_(std::move(workspace)) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  Workspace& workspace() { return *workspace_; }
  const std::shared_ptr<Workspace>& shared_workspace() const { return workspace_; }
  Lexicon& lexicon() { return workspace_->lexicon(); }

  // Where a text begins.
  virtual void begin(std::vector<Config>& out) = 0;
  // Where one stands once a terminal is complete at `at`; kEnd as the lexical state says that the text is. What comes
  // out may itself be complete. Nothing comes out where the terminal may not be complete here.
  virtual void leave(const Config& at, std::vector<Config>& out) = 0;
  // A limit was reached: what the machine says from now on is too little, never too much.
  virtual bool is_exhausted() const { return workspace_->is_exhausted(); }

  // Tells whether what is remembered may forbid a token although a mask, found without it, allows it: such tokens are
  // verified where something is remembered, or everywhere where a token can both write and recall it. Null: never.
  virtual TokenTest recalls() const { return nullptr; }
  virtual bool recalls_at_once() const { return false; }
  // Whether it may do so there: a closer look, for tokens of which that test says yes.
  virtual bool recalls_at(const Config&, std::string_view) { return true; }
  // How much of the tightest limit is used, in [0, 1].
  virtual double fullness() const { return workspace_->fullness(); }

 private:
  std::shared_ptr<Workspace> workspace_;  // shared by a machine and those it contains
};

}  // namespace mlxserving::grammar
