// Text with sections of calls in it: what most dialects are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/dialects/answer_parser.h"
#include "text/dialects/call_reader.h"
#include "text/dialects/marker.h"

namespace mlxserving::text {

struct CallSections {
  std::vector<std::string> opens;  // each opens a section
  // A section without a mark, when the answer's first character is one of these.
  std::string first_characters = {};
  // The reader of a section that `open` opened; empty: the answer's beginning.
  std::function<std::unique_ptr<CallReader>(const std::string& open)> reader;
};

// Content, and the calls between it. A section that breaks becomes content from the end of its last complete call on,
// so that nothing is lost. White space beside calls is not told.
constexpr int kLossesMax = 32;

class CallParser final : public AnswerParser {
 public:
  explicit CallParser(CallSections sections);

  void feed(std::string_view text, AnswerParts& parts) override;
  void finish(AnswerParts& parts) override;

 private:
  void take(char c, AnswerParts& parts);
  void take_text(char c, AnswerParts& parts);
  void take_section(char c, AnswerParts& parts);
  void open(const std::string& mark);
  std::string give_up(AnswerParts& parts);
  void add_content(std::string_view text, AnswerParts& parts);

  CallSections sections_;
  MarkerSearch search_;
  std::unique_ptr<CallReader> reader_;  // in a section
  std::string raw_;                     // of the section, since its mark or its last complete call
  size_t mark_bytes_ = 0;               // of raw_, its opening mark
  bool call_is_open_ = false;
  bool at_start_ = true;   // nothing but white space yet
  bool told_ = false;      // a call is complete
  bool in_words_ = false;  // content has come since the answer's beginning or the last call
  int losses_ = 0;         // sections that were none
  std::string blank_;      // white space that is content only if content follows
};

// "</tool_call>" after white space.
class LiteralReader {
 public:
  explicit LiteralReader(std::string literal) : literal_(std::move(literal)) {}
  CallReader::Verdict take(char c);

 private:
  std::string literal_;
  size_t matched_ = 0;
};

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace mlxserving::text
