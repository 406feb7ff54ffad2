// The post-processors of tokenizer.json: what is put around the tokens of a text, and how offsets are trimmed.
#pragma once

#include <functional>
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

 private:
  // Tokens before and behind the text; a template may hold the text more than once or not at all.
  struct Step {
    bool trims = false;             // white space at the ends of tokens is not theirs
    bool add_prefix_space = false;  // the first space was put there and is not trimmed
    bool has_template = false;
    std::vector<std::vector<TokenId>> pieces;  // empty: the text
  };

  static Result<void> parse_steps(const Fields& fields, std::vector<Step>& steps);
  static Result<Step> parse_template(const Fields& fields);
  static Result<Step> parse_pair(const Fields& fields, bool trims);

  std::vector<Step> steps_;
};

}  // namespace mlxserving::text
