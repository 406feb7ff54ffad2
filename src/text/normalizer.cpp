#include "text/normalizer.h"

#include <algorithm>
#include <vector>

#include "core/utf8.h"
#include "text/byte_alphabet.h"
#include "text/precompiled.h"
#include "text/split_pattern.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

using Made = Result<std::unique_ptr<const Normalizer>>;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

void lowercase(AlignedText& text) {
  std::vector<Change> changes;
  text.each_char([&](char32_t c) {
    const auto lower = unicode::lowercase(c);
    if (lower.empty()) changes.push_back({c, 0});
    for (size_t i = 0; i < lower.size(); ++i) changes.push_back({lower[i], i == 0 ? 0 : 1});
  });
  text.transform(changes);
}

void to_form(AlignedText& text, unicode::Form form) {
  std::vector<Change> changes;
  unicode::normalize(text.text(), form, changes);
  text.transform(changes);
}

class Sequence final : public Normalizer {
 public:
  static Made parse(const Fields& fields) {
    auto sequence = std::make_unique<Sequence>();
    MLXS_TRY(const auto list, fields.list("normalizers"));
    for (const Fields& item : list) {
      MLXS_TRY(auto normalizer, parse_normalizer(item));
      sequence->all_.push_back(std::move(normalizer));
    }
    return std::unique_ptr<const Normalizer>(std::move(sequence));
  }
  Result<void> apply(AlignedText& text) const override {
    for (const auto& normalizer : all_) MLXS_CHECKED(normalizer->apply(text));
    return {};
  }
  bool leaves(std::string_view text) const override {
    return std::all_of(all_.begin(), all_.end(), [&](const auto& n) { return n->leaves(text); });
  }

 private:
  std::vector<std::unique_ptr<const Normalizer>> all_;
};

class Unicode final : public Normalizer {
 public:
  explicit Unicode(unicode::Form form) : form_(form) {}

  Result<void> apply(AlignedText& text) const override {
    if (form_ == unicode::Form::nfc) {
      compose(text);
    } else {
      to_form(text, form_);
    }
    return {};
  }
  bool leaves(std::string_view text) const override {
    if (form_ != unicode::Form::nfc) return is_ascii(text);
    return unicode::find_not_nfc(text, 0).begin == text.size();
  }

 private:
  // Nearly all text is in NFC: only the stretches that may not be are normalised.
  static void compose(AlignedText& text) {
    const std::string_view all = text.text();
    std::vector<Change> changes;
    size_t at = 0;
    while (at < all.size()) {
      const unicode::Stretch stretch = unicode::find_not_nfc(all, at);
      each_code_point(all.substr(at, stretch.begin - at), [&](char32_t c) { changes.push_back({c, 0}); });
      unicode::normalize(all.substr(stretch.begin, stretch.end - stretch.begin), unicode::Form::nfc, changes);
      at = stretch.end;
    }
    text.transform(changes);
  }

  unicode::Form form_;
};

class Lowercase final : public Normalizer {
 public:
  Result<void> apply(AlignedText& text) const override {
    lowercase(text);
    return {};
  }
};

class Strip final : public Normalizer {
 public:
  static Made parse(const Fields& fields) {
    MLXS_TRY(const bool left, fields.boolean("strip_left"));
    MLXS_TRY(const bool right, fields.boolean("strip_right"));
    return std::unique_ptr<const Normalizer>(std::make_unique<Strip>(left, right));
  }
  Strip(bool left, bool right) : left_(left), right_(right) {}
  Result<void> apply(AlignedText& text) const override {
    text.strip(left_, right_);
    return {};
  }

 private:
  bool left_;
  bool right_;
};

class StripAccents final : public Normalizer {
 public:
  Result<void> apply(AlignedText& text) const override {
    text.filter([](char32_t c) { return !unicode::is_combining_mark(c); });
    return {};
  }
  bool leaves(std::string_view text) const override { return is_ascii(text); }
};

// What the translation models of SentencePiece's authors clean away.
class Nmt final : public Normalizer {
 public:
  Result<void> apply(AlignedText& text) const override {
    text.filter([](char32_t c) { return !is_dropped(c); });
    text.map([](char32_t c) { return is_blank(c) ? U' ' : c; });
    return {};
  }

 private:
  static bool is_dropped(char32_t c) {
    return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  }
  static bool is_blank(char32_t c) {
    constexpr char32_t kBlanks[] = {0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD};
    return (c >= 0x200B && c <= 0x200F) || std::find(std::begin(kBlanks), std::end(kBlanks), c) != std::end(kBlanks);
  }
};

class Replace final : public Normalizer {
 public:
  static Made parse(const Fields& fields) {
    MLXS_TRY(SplitPattern pattern, SplitPattern::parse(fields, "pattern"));
    MLXS_TRY(std::string content, fields.string("content"));
    return std::unique_ptr<const Normalizer>(std::make_unique<Replace>(std::move(pattern), std::move(content)));
  }
  Replace(SplitPattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
  Result<void> apply(AlignedText& text) const override { return pattern_.replace(text, content_); }
  bool leaves(std::string_view text) const override { return pattern_.surely_misses(text); }

 private:
  SplitPattern pattern_;
  std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  Result<void> apply(AlignedText& text) const override {
    text.prepend(prefix_);
    return {};
  }

 private:
  std::string prefix_;
};

class ByteLevel final : public Normalizer {
 public:
  Result<void> apply(AlignedText& text) const override {
    map_to_byte_alphabet(text);
    return {};
  }
};

class Charsmap final : public Normalizer {
 public:
  static Made parse(const Fields& fields) {
    MLXS_TRY(const std::string base64, fields.string("precompiled_charsmap"));
    MLXS_TRY(auto map, Precompiled::parse_base64(base64, fields.path + ".precompiled_charsmap"));
    return std::unique_ptr<const Normalizer>(std::make_unique<Charsmap>(std::move(map)));
  }
  explicit Charsmap(Precompiled map) : map_(std::move(map)) {}

  // By grapheme cluster when that is short, else character by character.
  Result<void> apply(AlignedText& text) const override {
    constexpr size_t kClusterBytesMax = 5;
    std::vector<Change> changes;
    std::string_view rest = text.text();
    while (!rest.empty()) {
      const std::string_view cluster = rest.substr(0, unicode::grapheme_bytes(rest));
      rest.remove_prefix(cluster.size());
      const auto whole = cluster.size() <= kClusterBytesMax ? map_.find(cluster) : std::nullopt;
      if (whole) {
        put(cluster, *whole, changes);
      } else {
        each_character(cluster, changes);
      }
    }
    text.transform(changes);
    return {};
  }

 private:
  void each_character(std::string_view cluster, std::vector<Change>& changes) const {
    while (!cluster.empty()) {
      const utf8::Decoded d = utf8::decode(cluster);
      const std::string_view character = cluster.substr(0, d.bytes);
      if (const auto to = map_.find(character)) {
        put(character, *to, changes);
      } else {
        changes.push_back({d.code_point, 0});
      }
      cluster.remove_prefix(d.bytes);
    }
  }

  // `to` in the place of `from`: the last characters count as added, or the last one as standing for those removed.
  static void put(std::string_view from, std::string_view to, std::vector<Change>& changes) {
    const auto difference = static_cast<int>(utf8::length(to)) - static_cast<int>(utf8::length(from));
    each_code_point(to, [&](char32_t c) { changes.push_back({c, 0}); });
    for (int i = 0; i < difference; ++i) changes[changes.size() - 1 - static_cast<size_t>(i)].change = 1;
    if (difference < 0 && !changes.empty()) changes.back().change += difference;
  }

  Precompiled map_;
};

class Bert final : public Normalizer {
 public:
  static Made parse(const Fields& fields) {
    auto bert = std::make_unique<Bert>();
    MLXS_TRY(bert->clean_text_, fields.boolean("clean_text"));
    MLXS_TRY(bert->handle_chinese_chars_, fields.boolean("handle_chinese_chars"));
    MLXS_TRY(bert->lowercase_, fields.boolean("lowercase"));
    MLXS_TRY(bert->strip_accents_, fields.boolean_or("strip_accents", bert->lowercase_));
    return std::unique_ptr<const Normalizer>(std::move(bert));
  }

  Result<void> apply(AlignedText& text) const override {
    if (clean_text_) clean(text);
    if (handle_chinese_chars_) put_spaces_around_chinese(text);
    if (strip_accents_) {
      to_form(text, unicode::Form::nfd);
      text.filter([](char32_t c) { return !unicode::is_nonspacing_mark(c); });
    }
    if (lowercase_) lowercase(text);
    return {};
  }

 private:
  static void clean(AlignedText& text) {
    text.filter([](char32_t c) { return !unicode::is_control(c); });
    text.map([](char32_t c) { return unicode::is_space(c) ? U' ' : c; });
  }

  static void put_spaces_around_chinese(AlignedText& text) {
    std::vector<Change> changes;
    text.each_char([&](char32_t c) {
      if (is_chinese(c)) {
        changes.insert(changes.end(), {{U' ', 0}, {c, 1}, {U' ', 1}});
      } else {
        changes.push_back({c, 0});
      }
    });
    text.transform(changes);
  }

  static bool is_chinese(char32_t c) {
    constexpr unicode::Range kBlocks[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                          {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                          {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
    return std::any_of(std::begin(kBlocks), std::end(kBlocks), [c](auto r) { return c >= r.first && c <= r.last; });
  }

  bool clean_text_ = true;
  bool handle_chinese_chars_ = true;
  bool strip_accents_ = true;
  bool lowercase_ = true;
};

template <typename T>
Made make(const Fields& /*fields*/) {
  return std::unique_ptr<const Normalizer>(std::make_unique<T>());
}

template <unicode::Form kForm>
Made make_unicode(const Fields& /*fields*/) {
  return std::unique_ptr<const Normalizer>(std::make_unique<Unicode>(kForm));
}

Made make_prepend(const Fields& fields) {
  MLXS_TRY(std::string prefix, fields.string("prepend"));
  return std::unique_ptr<const Normalizer>(std::make_unique<Prepend>(std::move(prefix)));
}

struct Row {
  const char* type;
  Made (*parse)(const Fields& fields);
};

constexpr Row kRows[] = {
    {"Sequence", Sequence::parse},
    {"NFC", make_unicode<unicode::Form::nfc>},
    {"NFD", make_unicode<unicode::Form::nfd>},
    {"NFKC", make_unicode<unicode::Form::nfkc>},
    {"NFKD", make_unicode<unicode::Form::nfkd>},
    {"Lowercase", make<Lowercase>},
    {"Strip", Strip::parse},
    {"StripAccents", make<StripAccents>},
    {"Nmt", make<Nmt>},
    {"Precompiled", Charsmap::parse},
    {"Replace", Replace::parse},
    {"Prepend", make_prepend},
    {"ByteLevel", make<ByteLevel>},
    {"BertNormalizer", Bert::parse},
};

}  // namespace

Result<std::unique_ptr<const Normalizer>> parse_normalizer(const Fields& fields) {
  MLXS_TRY(const std::string type, fields.type());
  for (const Row& row : kRows) {
    if (type == row.type) return row.parse(fields);
  }
  return fail(ErrorCode::unsupported_model, fields.path + ".type", "{}.type: unknown normalizer '{}'", fields.path,
              type);
}

}  // namespace mlxserving::text
