// What a front-end compiles to: a pushdown machine whose moves inside a terminal are a Lexicon's, and whose moves from
// one terminal to the next are its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/lexicon.h"

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

// Lazily built, never shrinking, bounded by its limits. Not for two threads at once.
class Machine {
 public:
  explicit Machine(const Lexicon::Limits& limits) : lexicon_(limits) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  Lexicon& lexicon() { return lexicon_; }

  // Where a text begins.
  virtual void begin(std::vector<Config>& out) = 0;
  // Where one stands once a terminal is complete at `at`; kEnd as the lexical state says that the text is. What comes
  // out may itself be complete. Nothing comes out where the terminal may not be complete here.
  virtual void leave(const Config& at, std::vector<Config>& out) = 0;
  // A limit was reached: what the machine says from now on is too little, never too much.
  virtual bool is_exhausted() const { return lexicon_.is_exhausted(); }

  // The capture with one more byte.
  CaptureId capture(CaptureId to, uint8_t byte);
  // A capture inside `outer`, which may be 0.
  CaptureId open_capture(CaptureId outer);
  // The bytes since the innermost open, and the capture that goes on outside it (0 if none does).
  CaptureId close_capture(CaptureId capture, std::string& bytes);

 private:
  struct CaptureNode {
    CaptureId before;
    CaptureId opened;  // the innermost open node, itself included
    int16_t byte;      // or kOpen
  };
  static constexpr int16_t kOpen = -1;

  Lexicon lexicon_;
  std::vector<CaptureNode> captures_{{}};
};

}  // namespace mlxserving::grammar
