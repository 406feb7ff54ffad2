#include "text/regex.h"

#include <oniguruma.h>

#include <optional>

#include "core/result.h"
#include "core/utf8.h"
#include "text/unicode.h"

namespace mlxserving::text {
namespace {

std::string ranges_text(const std::vector<unicode::Range>& ranges) {
  std::string out;
  for (const unicode::Range& r : ranges) {
    fmt::format_to(std::back_inserter(out), "\\x{{{:X}}}", static_cast<uint32_t>(r.first));
    if (r.last != r.first) fmt::format_to(std::back_inserter(out), "-\\x{{{:X}}}", static_cast<uint32_t>(r.last));
  }
  return out;
}

// Oniguruma looks these six up in a table of Latin-1, where they are words, but builds classes in brackets from its
// Unicode data, where they are not.
std::vector<unicode::Range> word_in_brackets() {
  constexpr std::u32string_view kNumerals = U"\u00B2\u00B3\u00B9\u00BC\u00BD\u00BE";
  std::vector<unicode::Range> out;
  for (const unicode::Range& r : unicode::property("word")) {
    char32_t first = r.first;
    for (; first <= r.last && first <= kNumerals.back(); ++first) {
      if (kNumerals.find(first) == std::u32string_view::npos) out.push_back({first, first});
    }
    if (first <= r.last) out.push_back({first, r.last});
  }
  return out;
}

// Of [:name:] and its like; empty for what the library knows as the reference does.
std::vector<unicode::Range> posix_class(std::string_view name) {
  if (name == "word") return word_in_brackets();
  if (name == "space" || name == "digit") return unicode::property(name);
  if (name != "punct") return {};
  std::vector<unicode::Range> marks = unicode::property("P");
  const std::vector<unicode::Range> symbols = unicode::property("S");
  marks.insert(marks.end(), symbols.begin(), symbols.end());
  return marks;
}

// Walks over a pattern and replaces what names a class of characters.
class Expander {
 public:
  explicit Expander(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\') {
        escape();
      } else if (depth_ == 0 || !posix_bracket()) {
        if (pattern_[at_] == '[') ++depth_;
        if (pattern_[at_] == ']' && depth_ > 0) --depth_;
        copy(1);
      }
    }
    return std::move(out_);
  }

 private:
  void copy(size_t bytes) {
    bytes = std::min(bytes, pattern_.size() - at_);
    out_ += pattern_.substr(at_, bytes);
    at_ += bytes;
  }

  void escape() {
    const char c = at_ + 1 < pattern_.size() ? pattern_[at_ + 1] : '\0';
    switch (c) {
      case 's': return put_class(unicode::property("space"), false, 2);
      case 'S': return put_class(unicode::property("space"), true, 2);
      case 'd': return put_class(unicode::property("digit"), false, 2);
      case 'D': return put_class(unicode::property("digit"), true, 2);
      case 'w': return put_class(word(), false, 2);
      case 'W': return put_class(word(), true, 2);
      case 'b': return depth_ == 0 ? put_boundary("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))") : copy(2);
      case 'B': return depth_ == 0 ? put_boundary("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))") : copy(2);
      case 'p':
      case 'P': return named_property(c == 'P');
      default: return copy(2);
    }
  }

  std::vector<unicode::Range> word() const { return depth_ > 0 ? word_in_brackets() : unicode::property("word"); }

  // [:name:] and [:^name:], which stand in brackets only; false when there is none here.
  bool posix_bracket() {
    const std::string_view rest = pattern_.substr(at_);
    const size_t begin = rest.starts_with("[:^") ? 3 : 2;
    const size_t end = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz", begin);
    if (!rest.starts_with("[:") || end == std::string_view::npos || !rest.substr(end).starts_with(":]")) return false;
    const auto ranges = posix_class(rest.substr(begin, end - begin));
    if (ranges.empty()) {
      copy(end + 2);
    } else {
      put_class(ranges, begin == 3, end + 2);
    }
    return true;
  }

  void named_property(bool negated) {
    const size_t close = pattern_.find('}', at_);
    if (pattern_.substr(at_ + 2, 1) != "{" || close == std::string_view::npos) return copy(2);
    std::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const bool is_word = name == "Word" || name == "word";
    const auto ranges = is_word ? word() : unicode::property(name);
    if (ranges.empty()) return copy(close + 1 - at_);
    put_class(ranges, negated, close + 1 - at_);
  }

  void put_class(const std::vector<unicode::Range>& ranges, bool negated, size_t bytes) {
    const bool bare = depth_ > 0 && !negated;
    out_ += bare ? ranges_text(ranges) : fmt::format("[{}{}]", negated ? "^" : "", ranges_text(ranges));
    at_ += bytes;
  }

  void put_boundary(std::string_view form) {
    const std::string word = "[" + ranges_text(unicode::property("word")) + "]";
    out_ += fmt::format(fmt::runtime(form), word);
    at_ += 2;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  int depth_ = 0;  // of brackets
  std::string out_;
};

const OnigUChar* bytes_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

std::string message_of(int code, const OnigErrorInfo* info) {
  OnigUChar buffer[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int bytes = info != nullptr ? onig_error_code_to_str(buffer, code, info) : onig_error_code_to_str(buffer, code);
  return {reinterpret_cast<const char*>(buffer), static_cast<size_t>(bytes)};
}

void initialize() {
  static const int done = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    return onig_initialize(encodings, 1);
  }();
  (void)done;
}

using Region = std::unique_ptr<OnigRegion, decltype([](OnigRegion* r) { onig_region_free(r, 1); })>;

}  // namespace

struct Regex::State {
  regex_t* regex = nullptr;
  ~State() {
    if (regex != nullptr) onig_free(regex);
  }
};

Regex::Regex(std::unique_ptr<State> state) : state_(std::move(state)) {}
Regex::~Regex() = default;

std::string expand_classes(std::string_view pattern) { return Expander(pattern).run(); }

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern, const std::string& param) {
  if (pattern.size() > kRegexBytesMax) {
    return fail(ErrorCode::resource_exhausted, param, "{}: a pattern may have at most {} bytes, found {}", param,
                kRegexBytesMax, pattern.size());
  }
  initialize();
  const std::string expanded = expand_classes(pattern);
  auto state = std::make_unique<State>();
  OnigErrorInfo info;
  const int code = onig_new(&state->regex, bytes_of(expanded), bytes_of(expanded) + expanded.size(), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
  if (code != ONIG_NORMAL) {
    return fail(ErrorCode::invalid_model, param, "{}: not a regular expression ({}): {}", param,
                message_of(code, &info), pattern);
  }
  return std::shared_ptr<const Regex>(new Regex(std::move(state)));
}

Result<void> Regex::find(std::string_view text, std::vector<Match>& out) const {
  const OnigUChar* const begin = bytes_of(text);
  const OnigUChar* const end = begin + text.size();
  const Region region(onig_region_new());
  size_t from = 0;
  size_t previous_end = 0;
  std::optional<size_t> last_match_end;
  while (from <= text.size()) {
    const int found = onig_search(state_->regex, begin, end, begin + from, end, region.get(), ONIG_OPTION_NONE);
    if (found == ONIG_MISMATCH) break;
    if (found < 0) return fail(ErrorCode::invalid_request, "", "pre-tokenizer pattern: {}", message_of(found, nullptr));
    const auto match_begin = static_cast<size_t>(region->beg[0]);
    const auto match_end = static_cast<size_t>(region->end[0]);
    if (match_begin == match_end && last_match_end == match_end) {
      // An empty match right behind the last one would stay here for ever.
      if (from >= text.size()) break;
      from += utf8::decode(text.substr(from)).bytes;
      continue;
    }
    if (previous_end != match_begin) {
      out.push_back({static_cast<uint32_t>(previous_end), static_cast<uint32_t>(match_begin), false});
    }
    out.push_back({static_cast<uint32_t>(match_begin), static_cast<uint32_t>(match_end), true});
    previous_end = from = match_end;
    last_match_end = match_end;
  }
  if (previous_end != text.size()) {
    out.push_back({static_cast<uint32_t>(previous_end), static_cast<uint32_t>(text.size()), false});
  }
  return {};
}

}  // namespace mlxserving::text
