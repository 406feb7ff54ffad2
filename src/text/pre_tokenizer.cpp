#include "text/pre_tokenizer.h"

#include <algorithm>

#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/split_pattern.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

using Made = Result<std::unique_ptr<const PreTokenizer>>;

template <typename T, typename... Args>
Made made(Args&&... args) {
  return std::unique_ptr<const PreTokenizer>(std::make_unique<T>(std::forward<Args>(args)...));
}

// Each character for which `is_match` says so is a match of its own.
template <typename IsMatch>
void find_characters(std::string_view text, std::vector<Match>& out, const IsMatch& is_match) {
  uint32_t gap = 0;
  for (uint32_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text.substr(at));
    const uint32_t end = at + static_cast<uint32_t>(d.bytes);
    if (is_match(d.code_point)) {
      if (gap != at) out.push_back({gap, at, false});
      out.push_back({at, end, true});
      gap = end;
    }
    at = end;
  }
  if (gap != text.size()) out.push_back({gap, static_cast<uint32_t>(text.size()), false});
}

template <typename IsMatch>
Result<void> split_at_characters(PreTokenized& text, SplitBehavior behavior, const IsMatch& is_match) {
  return text.split(behavior, false, [&](std::string_view piece, std::vector<Match>& out) {
    find_characters(piece, out, is_match);
    return Result<void>();
  });
}

Result<SplitBehavior> parse_behavior(const Fields& fields) {
  constexpr std::pair<const char*, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::Removed},
      {"Isolated", SplitBehavior::Isolated},
      {"MergedWithPrevious", SplitBehavior::MergedWithPrevious},
      {"MergedWithNext", SplitBehavior::MergedWithNext},
      {"Contiguous", SplitBehavior::Contiguous}};
  MLXS_TRY(const std::string name, fields.string("behavior"));
  for (const auto& [text, behavior] : kBehaviors) {
    if (name == text) return behavior;
  }
  return fields.wrong("behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> all) : all_(std::move(all)) {}
  static Made parse(const Fields& fields, bool raw_bytes) {
    std::vector<std::unique_ptr<const PreTokenizer>> all;
    MLXS_TRY(const auto list, fields.list("pretokenizers"));
    for (const Fields& item : list) {
      MLXS_TRY(auto one, parse_pre_tokenizer(item, raw_bytes));
      all.push_back(std::move(one));
    }
    return made<Sequence>(std::move(all));
  }
  Result<void> apply(PreTokenized& text) const override {
    for (const auto& one : all_) MLXS_CHECKED(one->apply(text));
    return {};
  }
  bool needs_origins() const override {
    return std::any_of(all_.begin(), all_.end(), [](const auto& one) { return one->needs_origins(); });
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> all_;
};

class Split final : public PreTokenizer {
 public:
  Split(SplitPattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    MLXS_TRY(SplitPattern pattern, SplitPattern::parse(fields, "pattern"));
    MLXS_TRY(const SplitBehavior behavior, parse_behavior(fields));
    MLXS_TRY(const bool invert, fields.boolean("invert"));
    return made<Split>(std::move(pattern), behavior, invert);
  }
  Result<void> apply(PreTokenized& text) const override {
    return text.split(behavior_, invert_,
                      [this](std::string_view piece, std::vector<Match>& out) { return pattern_.find(piece, out); });
  }

 private:
  SplitPattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex, bool raw_bytes)
      : add_prefix_space_(add_prefix_space),
        raw_bytes_(raw_bytes),
        words_(use_regex ? recognise(gpt2_pattern()) : nullptr) {}
  static Made parse(const Fields& fields, bool raw_bytes) {
    MLXS_TRY(const bool add_prefix_space, fields.boolean("add_prefix_space"));
    MLXS_TRY(const bool use_regex, fields.boolean_or("use_regex", true));
    return made<ByteLevel>(add_prefix_space, use_regex, raw_bytes);
  }
  Result<void> apply(PreTokenized& text) const override {
    const auto lacks_space = [&](const Piece& piece) { return !text.text_of(piece).starts_with(' '); };
    const auto put_space = [](AlignedText& piece) {
      piece.prepend(" ");
      return Result<void>();
    };
    if (add_prefix_space_) MLXS_CHECKED(text.rewrite(lacks_space, put_space));
    if (words_ != nullptr) {
      MLXS_CHECKED(text.split(SplitBehavior::Isolated, false, [this](std::string_view piece, std::vector<Match>& out) {
        words_->find(piece, out);
        return Result<void>();
      }));
    }
    if (raw_bytes_) return {};
    return text.rewrite([](const Piece&) { return true; },
                        [](AlignedText& piece) {
                          map_to_byte_alphabet(piece);
                          return Result<void>();
                        });
  }

 private:
  bool add_prefix_space_;
  bool raw_bytes_;
  std::unique_ptr<const Scanner> words_;
};

class Metaspace final : public PreTokenizer {
 public:
  enum class Prepend { first, never, always };
  Metaspace(char32_t replacement, Prepend prepend, bool split)
      : character_(replacement), prepend_(prepend), split_(split) {
    utf8::append(replacement_, replacement);
  }
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    MLXS_TRY(const char32_t replacement, fields.character("replacement"));
    MLXS_TRY(const std::string scheme, fields.string_or("prepend_scheme", "always"));
    MLXS_TRY(const bool add_prefix_space, fields.boolean_or("add_prefix_space", true));
    MLXS_TRY(const bool split, fields.boolean_or("split", true));
    if (scheme != "first" && scheme != "never" && scheme != "always") {
      return fields.wrong("prepend_scheme", "first, never or always");
    }
    if (!add_prefix_space && scheme != "never") return fields.wrong("prepend_scheme", "never without add_prefix_space");
    const auto prepend = scheme == "first" ? Prepend::first : scheme == "never" ? Prepend::never : Prepend::always;
    return made<Metaspace>(replacement, prepend, split);
  }

  Result<void> apply(PreTokenized& text) const override {
    const auto wanted = [&](const Piece& piece) {
      const std::string_view all = text.text_of(piece);
      return all.find(' ') != std::string_view::npos || wants_prefix(all, piece.origin);
    };
    MLXS_CHECKED(text.rewrite(wanted, [this](AlignedText& piece) { return mark_spaces(piece); }));
    if (!split_) return {};
    return split_at_characters(text, SplitBehavior::MergedWithNext, [this](char32_t c) { return c == character_; });
  }
  bool needs_origins() const override { return prepend_ == Prepend::first; }

 private:
  bool wants_prefix(std::string_view text, uint32_t origin) const {
    if (prepend_ == Prepend::never || text.starts_with(replacement_)) return false;
    return prepend_ == Prepend::always || origin == 0;
  }

  Result<void> mark_spaces(AlignedText& piece) const {
    piece.replace(" ", replacement_);
    if (wants_prefix(piece.text(), piece.origin())) piece.prepend(replacement_);
    return {};
  }

  char32_t character_;
  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

// `\w+|[^\w\s]+` of Rust's regex crate; white space goes.
class Whitespace final : public PreTokenizer {
 public:
  Result<void> apply(PreTokenized& text) const override {
    return text.split(SplitBehavior::Removed, false, [](std::string_view piece, std::vector<Match>& out) {
      uint32_t begin = 0;
      Kind kind = Kind::space;
      for (uint32_t at = 0; at < piece.size();) {
        const utf8::Decoded d = utf8::decode(piece.substr(at));
        const Kind next = kind_of(d.code_point);
        if (next != kind && begin != at) out.push_back({begin, at, kind == Kind::space});
        if (next != kind) begin = at;
        kind = next;
        at += static_cast<uint32_t>(d.bytes);
      }
      if (begin != piece.size()) out.push_back({begin, static_cast<uint32_t>(piece.size()), kind == Kind::space});
      return Result<void>();
    });
  }

 private:
  enum class Kind { space, word, other };
  static Kind kind_of(char32_t c) {
    if (unicode::is_rust_word(c)) return Kind::word;
    return unicode::is_space(c) ? Kind::space : Kind::other;
  }
};

class WhitespaceSplit final : public PreTokenizer {
 public:
  Result<void> apply(PreTokenized& text) const override {
    return split_at_characters(text, SplitBehavior::Removed, unicode::is_space);
  }
};

class Bert final : public PreTokenizer {
 public:
  Result<void> apply(PreTokenized& text) const override {
    MLXS_CHECKED(split_at_characters(text, SplitBehavior::Removed, unicode::is_space));
    return split_at_characters(text, SplitBehavior::Isolated, unicode::is_punctuation);
  }
};

class Punctuation final : public PreTokenizer {
 public:
  explicit Punctuation(SplitBehavior behavior) : behavior_(behavior) {}
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    if (!fields.has("behavior")) return made<Punctuation>(SplitBehavior::Isolated);
    MLXS_TRY(const SplitBehavior behavior, parse_behavior(fields));
    return made<Punctuation>(behavior);
  }
  Result<void> apply(PreTokenized& text) const override {
    return split_at_characters(text, behavior_, unicode::is_punctuation);
  }

 private:
  SplitBehavior behavior_;
};

class Digits final : public PreTokenizer {
 public:
  explicit Digits(bool individual) : behavior_(individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous) {}
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    MLXS_TRY(const bool individual, fields.boolean("individual_digits"));
    return made<Digits>(individual);
  }
  Result<void> apply(PreTokenized& text) const override {
    return split_at_characters(text, behavior_, unicode::is_rust_numeric);
  }

 private:
  SplitBehavior behavior_;
};

class CharDelimiterSplit final : public PreTokenizer {
 public:
  explicit CharDelimiterSplit(char32_t delimiter) : delimiter_(delimiter) {}
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    MLXS_TRY(const char32_t delimiter, fields.character("delimiter"));
    return made<CharDelimiterSplit>(delimiter);
  }
  Result<void> apply(PreTokenized& text) const override {
    return split_at_characters(text, SplitBehavior::Removed, [this](char32_t c) { return c == delimiter_; });
  }

 private:
  char32_t delimiter_;
};

// Cuts where the script changes. As in the reference, what stands before the first character that has a script is lost.
class UnicodeScripts final : public PreTokenizer {
 public:
  Result<void> apply(PreTokenized& text) const override {
    text.split_to_pieces([&text](const Piece& whole, std::vector<Piece>& out) {
      const std::string_view piece = text.text_of(whole);
      uint8_t last = 0;
      for (uint32_t at = 0; at < piece.size();) {
        const utf8::Decoded d = utf8::decode(piece.substr(at));
        const uint8_t script = unicode::script(d.code_point);
        if (script != 0 && script != last) {
          if (!out.empty()) out.back().end = at;
          out.push_back({at, static_cast<uint32_t>(piece.size()), 0, Piece::kNoToken});
          last = script;
        }
        at += static_cast<uint32_t>(d.bytes);
      }
    });
    return {};
  }
};

class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(size_t length) : length_(length) {}
  static Made parse(const Fields& fields, bool /*raw_bytes*/) {
    MLXS_TRY(const size_t length, fields.count_or("length", 5));
    if (length == 0) return fields.wrong("length", "at least 1");
    return made<FixedLength>(length);
  }
  Result<void> apply(PreTokenized& text) const override {
    text.split_to_pieces([&](const Piece& whole, std::vector<Piece>& out) {
      const std::string_view piece = text.text_of(whole);
      size_t count = 0;
      for (uint32_t at = 0; at < piece.size(); ++count) {
        const uint32_t end = at + static_cast<uint32_t>(utf8::decode(piece.substr(at)).bytes);
        if (count % length_ == 0) out.push_back({at, end, 0, Piece::kNoToken});
        out.back().end = end;
        at = end;
      }
    });
    return {};
  }

 private:
  size_t length_;
};

template <typename T>
Made plain(const Fields& /*fields*/, bool /*raw_bytes*/) {
  return made<T>();
}

struct Row {
  const char* type;
  Made (*parse)(const Fields& fields, bool raw_bytes);
};

constexpr Row kRows[] = {
    {"Sequence", Sequence::parse},
    {"Split", Split::parse},
    {"ByteLevel", ByteLevel::parse},
    {"Metaspace", Metaspace::parse},
    {"Whitespace", plain<Whitespace>},
    {"WhitespaceSplit", plain<WhitespaceSplit>},
    {"BertPreTokenizer", plain<Bert>},
    {"Punctuation", Punctuation::parse},
    {"Digits", Digits::parse},
    {"CharDelimiterSplit", CharDelimiterSplit::parse},
    {"UnicodeScripts", plain<UnicodeScripts>},
    {"FixedLength", FixedLength::parse},
};

// The types in the order in which they run, sequences opened.
void list_types(const Json& json, std::vector<std::string>& types) {
  if (!json.is_object()) return;
  if (json.contains("pretokenizers") && json["pretokenizers"].is_array()) {
    for (const Json& item : json["pretokenizers"]) list_types(item, types);
  } else if (json.contains("type") && json["type"].is_string()) {
    types.push_back(json["type"].get<std::string>());
  }
}

}  // namespace

bool ends_in_byte_level(const Json& json) {
  std::vector<std::string> types;
  list_types(json, types);
  return !types.empty() && types.back() == "ByteLevel" && std::count(types.begin(), types.end(), "ByteLevel") == 1;
}

Result<std::unique_ptr<const PreTokenizer>> parse_pre_tokenizer(const Fields& fields, bool raw_bytes) {
  MLXS_TRY(const std::string type, fields.type());
  for (const Row& row : kRows) {
    if (type == row.type) return row.parse(fields, raw_bytes);
  }
  return fail(ErrorCode::unsupported_model, fields.path + ".type", "{}.type: unknown pre-tokenizer '{}'", fields.path,
              type);
}

}  // namespace mlxserving::text
