// The post-processors of tokenizer.json: what is put around the tokens of a text, and how offsets are trimmed.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "text/json_fields.h"
#include "text/tokenizer.h"

namespace mlxserving::text {

// Immutable; any thread may call.
class PostProcessor {
 public:
  // Null JSON: nothing is added.
  static Result<PostProcessor> parse(const Json& json);

  // Offsets are changed only when there are any. `text_of(i)` gives the string of token i as the model produced it.
  void apply(Encoding& encoding, bool add_special_tokens, const std::function<std::string(size_t)>& text_of) const;

  // Of a template: one of the texts, or ids beside them.
  struct Piece {
    static constexpr size_t kNoText = SIZE_MAX;
    size_t text = kNoText;
    std::vector<TokenId> ids;
  };

 private:
  struct Frame {
    std::vector<TokenId> before_first;
    std::vector<TokenId> before_other;
    std::vector<TokenId> after;
  };

  // What an earlier template made of a text is several texts to the step behind it, as in the reference.
  struct Step {
    bool trims = false;             // white space at the ends of tokens is not theirs
    bool add_prefix_space = false;  // the first space was put there and is not trimmed
    std::optional<std::vector<Piece>> single;
    std::optional<std::vector<Piece>> pair;
    std::optional<Frame> frame;
  };

  static Result<void> parse_steps(const Fields& fields, std::vector<Step>& steps);
  static Result<Step> parse_step(const Fields& fields, const std::string& type);
  static Result<Step> parse_template(const Fields& fields);
  static Result<Piece> parse_piece(const Fields& item, const Fields& fields, size_t texts);
  static Result<Step> parse_frame(const Fields& fields, bool is_roberta);

  std::vector<Step> steps_;
};

}  // namespace mlxserving::text
