// The decoders of tokenizer.json: tokens back to text, one by one. Decoding all at once is the same with a flush at the
// end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "text/json_fields.h"

namespace mlxserving::text {

struct StreamOptions {
  // What is special about the first token of a text does not apply: the text has begun before.
  bool continues_text = false;
  // Bytes as they are, also where they are no UTF-8.
  bool raw_bytes = false;
};

// One step of a decoder at work. Strings come and go as tokens, or as parts of one token behind a step that fuses.
class DecodeStep {
 public:
  virtual ~DecodeStep() = default;
  virtual void push(std::string token) = 0;
  virtual void finish() { next_->finish(); }
  void lead_to(DecodeStep* next) { next_ = next; }

 protected:
  void emit(std::string token) { next_->push(std::move(token)); }
  DecodeStep* next_ = nullptr;
};

// One sequence under decoding.
class DecodeStream {
 public:
  explicit DecodeStream(std::vector<std::unique_ptr<DecodeStep>> steps);
  ~DecodeStream();

  // Returns what is certain now.
  std::string push(std::string token);
  // Returns what was held back; the stream is over.
  std::string finish();

 private:
  class Output;
  std::vector<std::unique_ptr<DecodeStep>> steps_;
  std::unique_ptr<Output> output_;
};

// Immutable; any thread may start streams.
class Decoder {
 public:
  // Null JSON: tokens are joined with spaces.
  static Result<Decoder> parse(const Json& json);

  std::unique_ptr<DecodeStream> start(const StreamOptions& options) const;

  // Makes one step. `fused`: what comes are parts of one token.
  using Make = std::function<std::unique_ptr<DecodeStep>(const StreamOptions& options, bool fused)>;
  struct Stage {
    Make make;
    bool fuses = false;
  };

 private:
  std::vector<Stage> stages_;
};

}  // namespace mlxserving::text
