#include "text/decoder.h"

#include <algorithm>
#include <utility>

#include "core/utf8.h"
#include "text/aligned_text.h"
#include "text/byte_alphabet.h"
#include "text/split_pattern.h"

namespace mlxserving::text {
namespace {

// An empty `from` is found before every character and at the end.
void replace_all(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) {
    std::string out(to);
    each_code_point(text, [&](char32_t c) {
      utf8::append(out, c);
      out += to;
    });
    text = std::move(out);
    return;
  }
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// What the BERT family tidies up in every token.
void clean_up(std::string& text) {
  constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& [from, to] : kRules) replace_all(text, from, to);
}

// A step whose rule sees whole tokens; parts of a fused one are kept until it is whole.
class WholeTokenStep : public DecodeStep {
 public:
  explicit WholeTokenStep(bool fused) : fused_(fused) {}
  void push(std::string token) final {
    if (fused_) {
      held_ += token;
      any_ = true;
    } else {
      decode(std::move(token));
    }
  }
  void finish() final {
    if (any_) decode(std::move(held_));
    end();
    next_->finish();
  }

 protected:
  virtual void decode(std::string token) = 0;
  virtual void end() {}

 private:
  bool fused_;
  bool any_ = false;
  std::string held_;
};

// Bytes of all tokens as one UTF-8 text; what can still become a character waits.
class ByteLevelStep final : public WholeTokenStep {
 public:
  ByteLevelStep(bool fused, bool raw) : WholeTokenStep(fused), raw_(raw) {}

 protected:
  void decode(std::string token) override {
    const auto bytes = bytes_of_alphabet(token);
    bytes_ += bytes ? *bytes : token;
    const size_t tail = raw_ ? 0 : utf8::incomplete_tail(bytes_);
    const std::string ready = bytes_.substr(0, bytes_.size() - tail);
    bytes_.erase(0, ready.size());
    if (!ready.empty()) emit(raw_ ? ready : utf8::to_valid(ready));
  }
  void end() override {
    if (!bytes_.empty()) emit(utf8::to_valid(bytes_));
  }

 private:
  bool raw_;
  std::string bytes_;
};

// Runs of <0xHH>: a run that is no UTF-8 as a whole is one U+FFFD a byte, so it has to be waited for.
class ByteFallbackStep final : public WholeTokenStep {
 public:
  ByteFallbackStep(bool fused, bool raw) : WholeTokenStep(fused), raw_(raw) {}

 protected:
  void decode(std::string token) override {
    const auto byte = byte_of_fallback(token);
    if (byte && raw_) return emit(std::string(1, static_cast<char>(*byte)));
    if (byte) {
      run_ += static_cast<char>(*byte);
      return;
    }
    end();
    emit(std::move(token));
  }
  void end() override {
    if (run_.empty()) return;
    const std::string run = std::exchange(run_, {});
    if (utf8::is_valid(run)) return emit(run);
    std::string replacement;
    utf8::append(replacement, utf8::kReplacement);
    for (size_t i = 0; i < run.size(); ++i) emit(replacement);
  }

 private:
  bool raw_;
  std::string run_;
};

class FuseStep final : public DecodeStep {
 public:
  void push(std::string token) override { emit(std::move(token)); }
};

class ReplaceStep final : public WholeTokenStep {
 public:
  ReplaceStep(bool fused, const SplitPattern& pattern, std::string content)
      : WholeTokenStep(fused), pattern_(pattern), content_(std::move(content)) {}

 protected:
  void decode(std::string token) override {
    std::vector<Match> matches;
    // A pattern that gives up has matched nothing behind the place where it did.
    if (!pattern_.find(token, matches)) return emit(std::move(token));
    std::string out;
    for (const Match& m : matches) {
      if (m.is_match) {
        out += content_;
      } else {
        out.append(token, m.begin, m.end - m.begin);
      }
    }
    emit(std::move(out));
  }

 private:
  const SplitPattern& pattern_;
  std::string content_;
};

class MetaspaceStep final : public DecodeStep {
 public:
  MetaspaceStep(std::string replacement, bool drops_first, bool fused)
      : replacement_(std::move(replacement)), drops_(drops_first), fused_(fused) {}
  void push(std::string token) override {
    replace_all(token, replacement_, drops_ ? "" : " ");
    drops_ = drops_ && fused_;
    emit(std::move(token));
  }

 private:
  std::string replacement_;
  bool drops_;
  bool fused_;
};

// Takes up to `start` characters off the front of each token and up to `stop` off its end.
class StripStep final : public DecodeStep {
 public:
  StripStep(std::string content, size_t start, size_t stop, bool fused, bool continues_text)
      : content_(std::move(content)),
        start_(start),
        stop_(stop),
        fused_(fused),
        left_to_strip_(continues_text && fused ? 0 : start) {}

  void push(std::string token) override {
    held_ += token;
    if (!fused_) {
      strip_front();
      strip_end();
      emit(std::move(held_));
      held_.clear();
      left_to_strip_ = start_;
      return;
    }
    strip_front();
    // What may be the end of the text waits.
    size_t keep = held_.size();
    for (size_t i = 0; i < stop_ && ends_with_content(keep); ++i) keep -= content_.size();
    if (keep > 0) emit(held_.substr(0, keep));
    held_.erase(0, keep);
  }

  void finish() override {
    strip_end();
    if (!held_.empty()) emit(std::move(held_));
    next_->finish();
  }

 private:
  bool ends_with_content(size_t size) const { return std::string_view(held_).substr(0, size).ends_with(content_); }

  void strip_front() {
    while (left_to_strip_ > 0 && held_.starts_with(content_)) {
      held_.erase(0, content_.size());
      --left_to_strip_;
    }
    if (!held_.empty()) left_to_strip_ = 0;
  }

  void strip_end() {
    for (size_t i = 0; i < stop_ && held_.ends_with(content_); ++i) held_.resize(held_.size() - content_.size());
  }

  std::string content_;
  size_t start_;
  size_t stop_;
  bool fused_;
  size_t left_to_strip_;
  std::string held_;
};

class WordPieceStep final : public WholeTokenStep {
 public:
  WordPieceStep(std::string prefix, bool cleanup, bool fused, bool continues_text)
      : WholeTokenStep(fused), prefix_(std::move(prefix)), cleanup_(cleanup), is_first_(!continues_text) {}

 protected:
  void decode(std::string token) override {
    if (!is_first_) {
      if (token.starts_with(prefix_)) {
        token.erase(0, prefix_.size());
      } else {
        token.insert(token.begin(), ' ');
      }
    }
    is_first_ = false;
    if (cleanup_) clean_up(token);
    emit(std::move(token));
  }

 private:
  std::string prefix_;
  bool cleanup_;
  bool is_first_;
};

// The suffix that ends words becomes a space, but not behind the last token: each waits for the next.
class BpeStep final : public WholeTokenStep {
 public:
  BpeStep(std::string suffix, bool fused, bool raw) : WholeTokenStep(fused), suffix_(std::move(suffix)), raw_(raw) {}

 protected:
  void decode(std::string token) override {
    if (has_last_) release(" ");
    last_ = std::move(token);
    has_last_ = true;
  }
  void end() override {
    if (has_last_) release(raw_ ? " " : "");
  }

 private:
  void release(std::string_view to) {
    replace_all(last_, suffix_, to);
    emit(std::move(last_));
    has_last_ = false;
  }

  std::string suffix_;
  bool raw_;
  std::string last_;
  bool has_last_ = false;
};

class CtcStep final : public WholeTokenStep {
 public:
  CtcStep(std::string pad, std::string delimiter, bool cleanup, bool fused)
      : WholeTokenStep(fused), pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}

 protected:
  void decode(std::string token) override {
    if (has_last_ && token == last_) return;
    last_ = token;
    has_last_ = true;
    replace_all(token, pad_, "");
    if (cleanup_) {
      clean_up(token);
      replace_all(token, delimiter_, " ");
    }
    if (!token.empty()) emit(std::move(token));
  }

 private:
  std::string pad_;
  std::string delimiter_;
  bool cleanup_;
  std::string last_;
  bool has_last_ = false;
};

class JoinStep final : public DecodeStep {
 public:
  explicit JoinStep(bool continues_text) : is_first_(!continues_text) {}
  void push(std::string token) override {
    if (!is_first_) token.insert(token.begin(), ' ');
    is_first_ = false;
    emit(std::move(token));
  }

 private:
  bool is_first_;
};

using Stage = Decoder::Stage;
using Step = std::unique_ptr<DecodeStep>;

Result<void> parse_stages(const Fields& fields, std::vector<Stage>& stages);

Result<Stage> parse_byte_level(const Fields& /*fields*/) {
  return Stage{
      [](const StreamOptions& o, bool fused) { return Step(std::make_unique<ByteLevelStep>(fused, o.raw_bytes)); },
      true};
}

Result<Stage> parse_byte_fallback(const Fields& /*fields*/) {
  return Stage{
      [](const StreamOptions& o, bool fused) { return Step(std::make_unique<ByteFallbackStep>(fused, o.raw_bytes)); }};
}

Result<Stage> parse_fuse(const Fields& /*fields*/) {
  return Stage{[](const StreamOptions&, bool) { return Step(std::make_unique<FuseStep>()); }, true};
}

Result<Stage> parse_replace(const Fields& fields) {
  MLXS_TRY(SplitPattern pattern, SplitPattern::parse(fields, "pattern"));
  MLXS_TRY(const std::string content, fields.string("content"));
  return Stage{
      [pattern = std::make_shared<const SplitPattern>(std::move(pattern)), content](const StreamOptions&, bool fused) {
        return Step(std::make_unique<ReplaceStep>(fused, *pattern, content));
      }};
}

Result<Stage> parse_metaspace(const Fields& fields) {
  MLXS_TRY(const char32_t character, fields.character("replacement"));
  MLXS_TRY(const std::string scheme, fields.string_or("prepend_scheme", "always"));
  std::string replacement;
  utf8::append(replacement, character);
  return Stage{[replacement, drops = scheme != "never"](const StreamOptions& o, bool fused) {
    return Step(std::make_unique<MetaspaceStep>(replacement, drops && !o.continues_text, fused));
  }};
}

Result<Stage> parse_strip(const Fields& fields) {
  MLXS_TRY(const char32_t character, fields.character("content"));
  MLXS_TRY(const size_t start, fields.count("start"));
  MLXS_TRY(const size_t stop, fields.count("stop"));
  std::string content;
  utf8::append(content, character);
  return Stage{[content, start, stop](const StreamOptions& o, bool fused) {
    return Step(std::make_unique<StripStep>(content, start, stop, fused, o.continues_text));
  }};
}

Result<Stage> parse_word_piece(const Fields& fields) {
  MLXS_TRY(const std::string prefix, fields.string("prefix"));
  MLXS_TRY(const bool cleanup, fields.boolean("cleanup"));
  return Stage{[prefix, cleanup](const StreamOptions& o, bool fused) {
    return Step(std::make_unique<WordPieceStep>(prefix, cleanup, fused, o.continues_text));
  }};
}

Result<Stage> parse_bpe(const Fields& fields) {
  MLXS_TRY(const std::string suffix, fields.string("suffix"));
  return Stage{[suffix](const StreamOptions& o, bool fused) {
    return Step(std::make_unique<BpeStep>(suffix, fused, o.raw_bytes));
  }};
}

Result<Stage> parse_ctc(const Fields& fields) {
  MLXS_TRY(const std::string pad, fields.string("pad_token"));
  MLXS_TRY(const std::string delimiter, fields.string("word_delimiter_token"));
  MLXS_TRY(const bool cleanup, fields.boolean("cleanup"));
  return Stage{[pad, delimiter, cleanup](const StreamOptions&, bool fused) {
    return Step(std::make_unique<CtcStep>(pad, delimiter, cleanup, fused));
  }};
}

struct Row {
  const char* type;
  Result<Stage> (*parse)(const Fields& fields);
};

constexpr Row kRows[] = {
    {"ByteLevel", parse_byte_level},
    {"ByteFallback", parse_byte_fallback},
    {"Fuse", parse_fuse},
    {"Replace", parse_replace},
    {"Metaspace", parse_metaspace},
    {"Strip", parse_strip},
    {"WordPiece", parse_word_piece},
    {"BPEDecoder", parse_bpe},
    {"CTC", parse_ctc},
};

Result<void> parse_stages(const Fields& fields, std::vector<Stage>& stages) {
  MLXS_TRY(const std::string type, fields.type());
  if (type == "Sequence") {
    MLXS_TRY(const auto list, fields.list("decoders"));
    for (const Fields& item : list) MLXS_CHECKED(parse_stages(item, stages));
    return {};
  }
  for (const Row& row : kRows) {
    if (type != row.type) continue;
    MLXS_TRY(Stage stage, row.parse(fields));
    stages.push_back(std::move(stage));
    return {};
  }
  return fail(ErrorCode::unsupported_model, fields.path + ".type", "{}.type: unknown decoder '{}'", fields.path, type);
}

}  // namespace

// Where the chain ends.
class DecodeStream::Output final : public DecodeStep {
 public:
  void push(std::string token) override { text_ += token; }
  void finish() override {}
  std::string take() { return std::exchange(text_, {}); }

 private:
  std::string text_;
};

DecodeStream::DecodeStream(std::vector<std::unique_ptr<DecodeStep>> steps)
    : steps_(std::move(steps)), output_(std::make_unique<Output>()) {
  for (size_t i = 0; i < steps_.size(); ++i) {
    steps_[i]->lead_to(i + 1 < steps_.size() ? steps_[i + 1].get() : output_.get());
  }
}

DecodeStream::~DecodeStream() = default;

std::string DecodeStream::push(std::string token) {
  steps_.front()->push(std::move(token));
  return output_->take();
}

std::string DecodeStream::finish() {
  steps_.front()->finish();
  return output_->take();
}

Result<Decoder> Decoder::parse(const Json& json) {
  Decoder decoder;
  if (json.is_null()) {
    decoder.stages_.push_back(
        {[](const StreamOptions& o, bool) { return Step(std::make_unique<JoinStep>(o.continues_text)); }});
    return decoder;
  }
  MLXS_CHECKED(parse_stages({json, "decoder"}, decoder.stages_));
  if (decoder.stages_.empty()) {
    decoder.stages_.push_back({[](const StreamOptions&, bool) { return Step(std::make_unique<FuseStep>()); }});
  }
  return decoder;
}

std::unique_ptr<DecodeStream> Decoder::start(const StreamOptions& options) const {
  std::vector<Step> steps;
  bool fused = false;
  for (const Stage& stage : stages_) {
    steps.push_back(stage.make(options, fused));
    fused = fused || stage.fuses;
  }
  return std::make_unique<DecodeStream>(std::move(steps));
}

}  // namespace mlxserving::text
