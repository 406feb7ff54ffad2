// The methods of str.
#include <algorithm>

#include "core/utf8.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/text_search.h"

namespace mlxserving::text::jinja {
namespace {

const Text& text_argument(const Value& value, const char* what) {
  if (value.is_undefined()) raise(FaultKind::type_error, "{} must be str, not Undefined", what);
  if (!value.is_string()) raise(FaultKind::type_error, "{} must be str, not {}", what, type_name(value));
  return value.text();
}

// A new string inserted into Markup is escaped first.
TextPtr inserted(Rendering& rendering, const Value& self, const Value& value, const char* what) {
  text_argument(value, what);
  return self.text().markup ? escape(rendering, value) : value.text_pointer();
}

Value with_text(TextPtr text) { return Value::string(std::move(text)); }

Value part(const Value& self, size_t begin, size_t end) {
  return with_text(slice_text(self.text_pointer(), begin, end));
}

Value empty_like(const Value& self) { return with_text(make_text("", Trust::yes, self.text().markup)); }

template <TextPtr (*map)(const Text&)>
Value mapped(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("the method", arguments);
  rendering.charge_bytes(self.text().bytes.size());
  return with_text(map(self.text()));
}

template <bool (*test)(char32_t)>
Value all_are(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("the method", arguments);
  rendering.charge_bytes(self.text().bytes.size());
  bool all = !self.text().bytes.empty();
  for (CodePoints at(self.text().bytes); all && at; at.advance()) all = test(*at);
  return Value::boolean(all);
}

Value method_isascii(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("isascii", arguments);
  return Value::boolean(self.text().is_ascii());
}

Value method_isprintable(Rendering& rendering, const Value& self, const Arguments& arguments) {
  if (self.text().bytes.empty()) return Value::boolean(true);
  return all_are<is_printable>(rendering, self, arguments);
}

Value method_isidentifier(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("isidentifier", arguments);
  CodePoints at(self.text().bytes);
  bool is_identifier = at && is_identifier_start(*at);
  for (; is_identifier && at; at.advance()) is_identifier = is_identifier_part(*at);
  return Value::boolean(is_identifier);
}

// At least one cased character, and none of the other case.
template <bool (*wanted)(char32_t), bool (*unwanted)(char32_t)>
Value cased(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("the method", arguments);
  rendering.charge_bytes(self.text().bytes.size());
  bool found = false;
  for (CodePoints at(self.text().bytes); at; at.advance()) {
    if (unwanted(*at) || is_title(*at)) return Value::boolean(false);
    found = found || wanted(*at);
  }
  return Value::boolean(found);
}

Value method_istitle(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("istitle", arguments);
  bool found = false;
  bool in_word = false;
  for (CodePoints at(self.text().bytes); at; at.advance()) {
    const bool starts = is_upper(*at) || is_title(*at);
    if (starts ? in_word : is_lower(*at) && !in_word) return Value::boolean(false);
    in_word = starts || is_lower(*at);
    found = found || in_word;
  }
  return Value::boolean(found);
}

Value strip_with(Rendering& rendering, const Value& self, const Arguments& arguments, StripSides sides) {
  const Parameters given("strip", arguments, {"chars"}, 0, 1);
  rendering.charge_bytes(self.text().bytes.size());
  if (!given.has(0) || given[0].is_none()) return with_text(strip(self.text_pointer(), sides, nullptr));
  if (!given[0].is_string()) raise(FaultKind::type_error, "strip arg must be None or str");
  return with_text(strip(self.text_pointer(), sides, &given[0].text()));
}

Value method_strip(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return strip_with(rendering, self, arguments, StripSides::both);
}
Value method_lstrip(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return strip_with(rendering, self, arguments, StripSides::left);
}
Value method_rstrip(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return strip_with(rendering, self, arguments, StripSides::right);
}

Value split_with(Rendering& rendering, const Value& self, const Arguments& arguments, bool from_right) {
  const Parameters given(from_right ? "rsplit" : "split", arguments, {"sep", "maxsplit"}, 0);
  const int64_t splits_max = given.integer(1, -1);
  rendering.charge_bytes(self.text().bytes.size());
  if (!given.has(0) || given[0].is_none()) {
    return rendering.make_list(split_at_spaces(self.text_pointer(), splits_max, from_right));
  }
  const Text& separator = text_argument(given[0], "the separator");
  if (separator.bytes.empty()) raise(FaultKind::value_error, "empty separator");
  return rendering.make_list(split_at(rendering, self.text_pointer(), separator.bytes, splits_max, from_right));
}

Value method_split(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return split_with(rendering, self, arguments, false);
}
Value method_rsplit(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return split_with(rendering, self, arguments, true);
}

Value method_splitlines(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("splitlines", arguments, {"keepends"}, 0);
  rendering.charge_bytes(self.text().bytes.size());
  return rendering.make_list(split_lines(self.text_pointer(), given.truth(0, false)));
}

Value partition_with(Rendering& rendering, const Value& self, const Arguments& arguments, bool from_right) {
  const Parameters given("partition", arguments, {"sep"}, 1, 1);
  const Text& separator = text_argument(given[0], "the separator");
  if (separator.bytes.empty()) raise(FaultKind::value_error, "empty separator");
  const std::string& bytes = self.text().bytes;
  rendering.charge_bytes(bytes.size());
  const size_t at = from_right ? bytes.rfind(separator.bytes) : bytes.find(separator.bytes);
  if (at == std::string::npos) {
    const Value empty = empty_like(self);
    return from_right ? rendering.make_tuple({empty, empty, self}) : rendering.make_tuple({self, empty, empty});
  }
  const size_t end = at + separator.bytes.size();
  return rendering.make_tuple({part(self, 0, at), part(self, at, end), part(self, end, bytes.size())});
}

Value method_partition(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return partition_with(rendering, self, arguments, false);
}
Value method_rpartition(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return partition_with(rendering, self, arguments, true);
}

Value method_replace(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"}, 2, 3);
  const Text& old = text_argument(given[0], "replace() argument 1");
  const TextPtr fresh = inserted(rendering, self, given[1], "replace() argument 2");
  return with_text(replace(rendering, self.text(), old.bytes, *fresh, given.integer(2, -1)));
}

Value method_join(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("join", arguments, {"iterable"}, 1, 1);
  const auto items = iterate(rendering, given[0]);
  TextBuilder out = rendering.text_builder();
  size_t index = 0;
  for (Value item; items->next(rendering, item); ++index) {
    if (!item.is_string() && !self.text().markup) {
      raise(FaultKind::type_error, "sequence item {}: expected str instance, {} found", index, type_name(item));
    }
    if (index > 0) out.append(self.text());
    out.append(self.text().markup ? *escape(rendering, item) : item.text());
  }
  rendering.charge_bytes(out.size());
  return with_text(out.take(self.text().markup));
}

// [start:end] of find, count, startswith: byte offsets, or nothing when the range is empty.
struct ByteRange {
  size_t begin;
  size_t end;
  size_t begin_index;
  bool is_empty;
};

ByteRange range_of(const Text& text, const Value& start, const Value& end) {
  const auto length = static_cast<int64_t>(text.code_points);
  const auto place = [length](const Value& value, int64_t fallback) {
    if (value.is_missing() || value.is_none()) return fallback;
    int64_t index = as_index(value, "slice indices");
    if (index < 0) index = std::max<int64_t>(0, index < -length ? 0 : index + length);
    return index;
  };
  const int64_t first = place(start, 0);
  const int64_t last = std::min(place(end, length), length);
  if (first > last) return {0, 0, 0, true};
  const auto begin_index = static_cast<size_t>(first);
  return {text.offset_of(begin_index), text.offset_of(static_cast<size_t>(last)), begin_index, false};
}

int64_t find_in_text(Rendering& rendering, const char* name, const Value& self, const Arguments& arguments,
                     bool from_right) {
  const Parameters given(name, arguments, {"sub", "start", "end"}, 1, 3);
  const Text& sought = text_argument(given[0], "the substring");
  const Text& text = self.text();
  rendering.charge_bytes(text.bytes.size());
  const ByteRange range = range_of(text, given[1], given[2]);
  if (range.is_empty) return -1;
  const std::string_view window = text.view().substr(range.begin, range.end - range.begin);
  const size_t at = from_right ? window.rfind(sought.bytes) : window.find(sought.bytes);
  if (at == std::string_view::npos) return -1;
  return static_cast<int64_t>(range.begin_index + count_code_points(window.substr(0, at)));
}

Value method_find(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return Value::integer(find_in_text(rendering, "find", self, arguments, false));
}
Value method_rfind(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return Value::integer(find_in_text(rendering, "rfind", self, arguments, true));
}

Value found_or_fault(int64_t at) {
  if (at < 0) raise(FaultKind::value_error, "substring not found");
  return Value::integer(at);
}

Value method_index(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return found_or_fault(find_in_text(rendering, "index", self, arguments, false));
}
Value method_rindex(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return found_or_fault(find_in_text(rendering, "rindex", self, arguments, true));
}

Value method_count(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("count", arguments, {"sub", "start", "end"}, 1, 3);
  const Text& sought = text_argument(given[0], "the substring");
  const Text& text = self.text();
  rendering.charge_bytes(text.bytes.size());
  const ByteRange range = range_of(text, given[1], given[2]);
  if (range.is_empty) return Value::integer(0);
  const std::string_view window = text.view().substr(range.begin, range.end - range.begin);
  if (sought.bytes.empty()) return Value::integer(static_cast<int64_t>(count_code_points(window)) + 1);
  int64_t count = 0;
  for (size_t at = window.find(sought.bytes); at != std::string_view::npos;
       at = window.find(sought.bytes, at + sought.bytes.size())) {
    ++count;
  }
  return Value::integer(count);
}

Value affix_with(const char* name, const Value& self, const Arguments& arguments, bool at_start) {
  const Parameters given(name, arguments, {"prefix", "start", "end"}, 1, 3);
  const ByteRange range = range_of(self.text(), given[1], given[2]);
  const auto matches = [&](const Value& affix) {
    if (!affix.is_string())
      raise(FaultKind::type_error, "tuple for {} must only contain str, not {}", name, type_name(affix));
    if (range.is_empty) return false;
    const std::string_view window = self.text().view().substr(range.begin, range.end - range.begin);
    return at_start ? window.starts_with(affix.text().bytes) : window.ends_with(affix.text().bytes);
  };
  if (given[0].is(Kind::tuple)) {
    const auto& affixes = given[0].as<Sequence>().items;
    return Value::boolean(std::any_of(affixes.begin(), affixes.end(), matches));
  }
  if (!given[0].is_string()) {
    raise(FaultKind::type_error, "{} first arg must be str or a tuple of str, not {}", name, type_name(given[0]));
  }
  return Value::boolean(matches(given[0]));
}

Value method_startswith(Rendering&, const Value& self, const Arguments& arguments) {
  return affix_with("startswith", self, arguments, true);
}
Value method_endswith(Rendering&, const Value& self, const Arguments& arguments) {
  return affix_with("endswith", self, arguments, false);
}

Value method_removeprefix(Rendering&, const Value& self, const Arguments& arguments) {
  const Parameters given("removeprefix", arguments, {"prefix"}, 1, 1);
  const Text& prefix = text_argument(given[0], "removeprefix() argument");
  if (!self.text().view().starts_with(prefix.bytes)) return self;
  return part(self, prefix.bytes.size(), self.text().bytes.size());
}

Value method_removesuffix(Rendering&, const Value& self, const Arguments& arguments) {
  const Parameters given("removesuffix", arguments, {"suffix"}, 1, 1);
  const Text& suffix = text_argument(given[0], "removesuffix() argument");
  if (!self.text().view().ends_with(suffix.bytes)) return self;
  return part(self, 0, self.text().bytes.size() - suffix.bytes.size());
}

Value pad_with(Rendering& rendering, const Value& self, const Arguments& arguments, Padding padding) {
  const Parameters given("the method", arguments, {"width", "fillchar"}, 1, 2);
  const int64_t width = given.integer(0, 0);
  TextPtr fill = make_text(" ", Trust::yes);
  if (given.has(1)) fill = inserted(rendering, self, given[1], "the fill character");
  if (fill->code_points != 1) raise(FaultKind::type_error, "The fill character must be exactly one character long");
  return with_text(pad_text(rendering, self.text_pointer(), width, *fill, padding));
}

Value method_center(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return pad_with(rendering, self, arguments, Padding::both);
}
Value method_ljust(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return pad_with(rendering, self, arguments, Padding::right);
}
Value method_rjust(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return pad_with(rendering, self, arguments, Padding::left);
}

Value method_zfill(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("zfill", arguments, {"width"}, 1, 1);
  const int64_t width = given.integer(0, 0);
  const Text& text = self.text();
  if (width <= static_cast<int64_t>(text.code_points)) return self;
  const bool has_sign = !text.bytes.empty() && (text.bytes[0] == '-' || text.bytes[0] == '+');
  const auto zeros = static_cast<size_t>(width) - text.code_points;
  TextBuilder out = rendering.text_builder();
  if (zeros > rendering.limits().string_bytes_max) {
    raise(FaultKind::limit, "a string must be at most {} bytes", rendering.limits().string_bytes_max);
  }
  if (has_sign) out.append_slice(text, 0, 1);
  out.append(std::string(zeros, '0'), Trust::yes);
  out.append_slice(text, has_sign ? 1 : 0, text.bytes.size());
  return with_text(out.take(text.markup));
}

Value method_expandtabs(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("expandtabs", arguments, {"tabsize"}, 0);
  const int64_t size = std::clamp<int64_t>(given.integer(0, 8), 0, INT32_MAX);
  const Text& text = self.text();
  TextBuilder out = rendering.text_builder();
  TrustReader trust(text);
  int64_t column = 0;
  for (CodePoints at(text.bytes); at; at.advance()) {
    const Trust from = trust.at(at.offset());
    if (*at != '\t') {
      out.append_code_point(*at, from);
      column = *at == '\n' || *at == '\r' ? 0 : column + 1;
      continue;
    }
    const int64_t spaces = size > 0 ? size - column % size : 0;
    if (static_cast<size_t>(spaces) > rendering.limits().string_bytes_max) {
      raise(FaultKind::limit, "a string must be at most {} bytes", rendering.limits().string_bytes_max);
    }
    out.append(std::string(static_cast<size_t>(spaces), ' '), from);
    column += spaces;
  }
  rendering.charge_bytes(out.size());
  return with_text(out.take(text.markup));
}

Value names_of(Rendering& rendering, const Arguments& arguments) {
  auto names = std::make_shared<Dict>();
  for (const auto& [name, value] : arguments.named) names->insert(Value::string(name), value);
  return rendering.make_dict(std::move(names));
}

Value method_format(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return format_braces(rendering, self, arguments.positional, names_of(rendering, arguments));
}

Value method_format_map(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("format_map", arguments, {"mapping"}, 1, 1);
  return format_braces(rendering, self, {}, given[0]);
}

// str.maketrans(x), (from, to) or (from, to, delete): a dict of code points.
Value method_maketrans(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("maketrans", arguments, {"x", "y", "z"}, 1, 3);
  auto table = std::make_shared<Dict>();
  if (!given.has(1)) {
    if (!given[0].is(Kind::dict)) {
      raise(FaultKind::type_error, "if you give only one argument to maketrans it must be a dict");
    }
    for (const auto& [key, value] : given[0].as<Dict>().entries) {
      if (!key.is_string()) {
        table->insert(key, value);
        continue;
      }
      if (key.text().code_points != 1)
        raise(FaultKind::value_error, "string keys in translate table must be of length 1");
      table->insert(Value::integer(static_cast<int64_t>(*CodePoints(key.text().bytes))), value);
    }
    return rendering.make_dict(std::move(table));
  }
  const Text& from = text_argument(given[0], "the first maketrans argument");
  const Text& to = text_argument(given[1], "the second maketrans argument");
  if (from.code_points != to.code_points) {
    raise(FaultKind::value_error, "the first two maketrans arguments must have equal length");
  }
  CodePoints target(to.bytes);
  for (CodePoints at(from.bytes); at; at.advance(), target.advance()) {
    table->insert(Value::integer(static_cast<int64_t>(*at)), Value::integer(static_cast<int64_t>(*target)));
  }
  if (given.has(2)) {
    const Text& removed = text_argument(given[2], "the third maketrans argument");
    for (CodePoints at(removed.bytes); at; at.advance()) {
      table->insert(Value::integer(static_cast<int64_t>(*at)), Value::none());
    }
  }
  return rendering.make_dict(std::move(table));
}

Value method_translate(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("translate", arguments, {"table"}, 1, 1);
  if (given[0].is_undefined()) raise_undefined(given[0]);
  const Text& text = self.text();
  TextBuilder out = rendering.text_builder();
  TrustReader trust(text);
  for (CodePoints at(text.bytes); at; at.advance()) {
    const Value mapped = subscript(rendering, given[0], Value::integer(static_cast<int64_t>(*at)));
    if (mapped.is_none()) continue;
    if (mapped.is_string()) {
      out.append(mapped.text());
    } else if (mapped.is_integral()) {
      const int64_t code = as_index(mapped, "a translation");
      if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        raise(FaultKind::value_error, "character mapping must be in range(0x110000)");
      }
      out.append_code_point(static_cast<char32_t>(code), Trust::no);
    } else if (mapped.is_missing()) {
      out.append_code_point(*at, trust.at(at.offset()));
    } else {
      raise(FaultKind::type_error, "character mapping must return integer, None or str");
    }
  }
  return with_text(out.take(text.markup));
}

Value method_encode(Rendering&, const Value&, const Arguments&) {
  raise(FaultKind::runtime_error, "str.encode() gives bytes, which templates here do not have");
}

Value method_striptags(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("striptags", arguments);
  return with_text(strip_tags(rendering, self.text()));
}

Value method_unescape(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("unescape", arguments);
  return with_text(unescape_entities(rendering, self.text()));
}

constexpr Builtin kMethods[] = {
    {"strip", method_strip},
    {"split", method_split},
    {"lstrip", method_lstrip},
    {"rstrip", method_rstrip},
    {"startswith", method_startswith},
    {"endswith", method_endswith},
    {"replace", method_replace},
    {"upper", mapped<to_upper>},
    {"lower", mapped<to_lower>},
    {"title", mapped<to_title>},
    {"join", method_join},
    {"format", method_format},
    {"capitalize", mapped<to_capitalized>},
    {"casefold", mapped<to_casefolded>},
    {"center", method_center},
    {"count", method_count},
    {"encode", method_encode},
    {"expandtabs", method_expandtabs},
    {"find", method_find},
    {"format_map", method_format_map},
    {"index", method_index},
    {"isalnum", all_are<is_alnum>},
    {"isalpha", all_are<is_alpha>},
    {"isascii", method_isascii},
    {"isdecimal", all_are<is_decimal>},
    {"isdigit", all_are<is_digit>},
    {"isidentifier", method_isidentifier},
    {"islower", cased<is_lower, is_upper>},
    {"isnumeric", all_are<is_numeric>},
    {"isprintable", method_isprintable},
    {"isspace", all_are<is_space>},
    {"istitle", method_istitle},
    {"isupper", cased<is_upper, is_lower>},
    {"ljust", method_ljust},
    {"maketrans", method_maketrans},
    {"partition", method_partition},
    {"removeprefix", method_removeprefix},
    {"removesuffix", method_removesuffix},
    {"rfind", method_rfind},
    {"rindex", method_rindex},
    {"rjust", method_rjust},
    {"rpartition", method_rpartition},
    {"rsplit", method_rsplit},
    {"splitlines", method_splitlines},
    {"swapcase", mapped<to_swapped_case>},
    {"translate", method_translate},
    {"zfill", method_zfill},
    // Of Markup only; get_attribute asks.
    {"striptags", method_striptags},
    {"unescape", method_unescape},
};

}  // namespace

std::span<const Builtin> text_methods() { return kMethods; }

}  // namespace mlxserving::text::jinja
