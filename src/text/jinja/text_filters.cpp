// The filters that make strings of strings.
#include <algorithm>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/text_search.h"
#include "text/jinja/word_wrap.h"

namespace mlxserving::text::jinja {
namespace {

template <TextPtr (*map)(const Text&)>
Value mapped(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("the filter", arguments);
  const Value text = to_string(rendering, self);
  rendering.charge_bytes(text.text().bytes.size());
  return Value::string(map(text.text()));
}

Value filter_string(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("string", arguments);
  return to_string(rendering, self);
}

Value filter_trim(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("trim", arguments, {"chars"}, 0);
  const Value text = to_string(rendering, self);
  rendering.charge_bytes(text.text().bytes.size());
  if (!given.has(0) || given[0].is_none()) return Value::string(strip(text.text_pointer(), StripSides::both, nullptr));
  if (!given[0].is_string()) raise(FaultKind::type_error, "strip arg must be None or str");
  return Value::string(strip(text.text_pointer(), StripSides::both, &given[0].text()));
}

Value filter_replace(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("replace", arguments, {"old", "new", "count"}, 2);
  const int64_t count = given.has(2) && !given[2].is_none() ? given.integer(2, -1) : -1;
  TextPtr text = to_text(rendering, self);
  if (rendering.autoescape) text = escape(rendering, Value::string(text));
  const TextPtr old = to_text(rendering, given[0]);
  const TextPtr fresh = rendering.autoescape ? escape(rendering, given[1]) : to_text(rendering, given[1]);
  Text plain = *text;
  plain.markup = rendering.autoescape;  // str(s) is no Markup any more
  return Value::string(replace(rendering, plain, old->bytes, *fresh, count));
}

// Jinja's own title: after white space and - ( { [ <, the first character of a word goes up and the rest down.
Value filter_title(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("title", arguments);
  const Value value = to_string(rendering, self);
  const TextPtr text = value.text_pointer();
  const auto is_border = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  TextBuilder out = rendering.text_builder();
  CodePoints at(text->bytes);
  while (at) {
    const size_t begin = at.offset();
    const bool border = is_border(*at);
    const size_t first_end = at.end();
    while (at && is_border(*at) == border) at.advance();
    out.append(*to_upper(*slice_text(text, begin, first_end)));
    out.append(*to_lower(*slice_text(text, first_end, at.offset())));
  }
  rendering.charge_bytes(out.size());
  return Value::string(out.take());
}

Value filter_center(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("center", arguments, {"width"}, 0);
  const Value text = to_string(rendering, self);
  return Value::string(
      pad_text(rendering, text.text_pointer(), given.integer(0, 80), *make_text(" ", Trust::yes), Padding::both));
}

TextPtr indention_of(Rendering& rendering, const Value& width) {
  if (width.is_string()) return width.text_pointer();
  const int64_t spaces = width.is_missing() ? 4 : std::max<int64_t>(0, as_index(width, "indent width"));
  if (spaces > static_cast<int64_t>(rendering.limits().string_bytes_max)) {
    raise(FaultKind::limit, "a string must be at most {} bytes", rendering.limits().string_bytes_max);
  }
  return make_text(std::string(static_cast<size_t>(spaces), ' '), Trust::yes);
}

Value filter_indent(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("indent", arguments, {"width", "first", "blank"}, 0);
  const TextPtr indention = indention_of(rendering, given[0]);
  if (self.is_undefined()) raise_undefined(self);
  if (!self.is_string()) {
    raise(FaultKind::type_error, "unsupported operand type(s) for +=: '{}' and 'str'", type_name(self));
  }
  TextBuilder ended = rendering.text_builder();
  ended.append(self.text());
  ended.append('\n', Trust::yes);
  const std::vector<Value> lines = split_lines(ended.take(), false);
  TextBuilder out = rendering.text_builder();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out.append('\n', Trust::yes);
    const bool is_indented = i == 0 ? given.truth(1, false) : given.truth(2, false) || !lines[i].text().bytes.empty();
    if (is_indented) out.append(*indention);
    out.append(lines[i].text());
  }
  rendering.charge_bytes(out.size());
  return Value::string(out.take(self.text().markup));
}

Value filter_truncate(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("truncate", arguments, {"length", "killwords", "end", "leeway"}, 0);
  const int64_t length = given.integer(0, 255);
  const Value end = given.has(2) ? given[2] : Value::string("...");
  const int64_t leeway = given.has(3) && !given[3].is_none() ? given.integer(3, 5) : 5;
  const int64_t end_length = length_of(rendering, end);
  if (length < end_length) raise(FaultKind::runtime_error, "expected length >= {}, got {}", end_length, length);
  if (leeway < 0) raise(FaultKind::runtime_error, "expected leeway >= 0, got {}", leeway);
  if (length_of(rendering, self) <= length + leeway) return self;
  Value kept = slice(rendering, self, Value(), Value::integer(length - end_length), Value());
  if (!given.truth(1, false)) {
    if (!kept.is_string()) raise(FaultKind::runtime_error, "'{} object' has no attribute 'rsplit'", type_name(kept));
    const size_t space = kept.text().bytes.rfind(' ');
    if (space != std::string::npos) kept = Value::string(slice_text(kept.text_pointer(), 0, space));
  }
  return calculate(rendering, Arithmetic::add, kept, end);
}

Value filter_wordwrap(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("wordwrap", arguments, {"width", "break_long_words", "wrapstring", "break_on_hyphens"}, 0);
  if (self.is_undefined()) raise_undefined(self);
  if (!self.is_string()) raise(FaultKind::type_error, "'{}' object has no attribute 'splitlines'", type_name(self));
  const Wrapping wrapping{.width = given.integer(0, 79),
                          .break_long_words = given.truth(1, true),
                          .break_on_hyphens = given.truth(3, true)};
  TextPtr line_break = make_text("\n", Trust::yes);
  if (given.has(2) && !given[2].is_none()) {
    if (!given[2].is_string()) raise(FaultKind::type_error, "wrapstring must be str, not {}", type_name(given[2]));
    line_break = given[2].text_pointer();
  }
  TextBuilder out = rendering.text_builder();
  bool is_first = true;
  for (const Value& paragraph : split_lines(self.text_pointer(), false)) {
    if (!is_first) out.append(*line_break);
    is_first = false;
    const std::vector<TextPtr> lines = wrap_words(rendering, paragraph.text_pointer(), wrapping);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (i > 0) out.append(*line_break);
      out.append(*lines[i]);
    }
  }
  return Value::string(out.take());
}

Value filter_wordcount(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("wordcount", arguments);
  const TextPtr text = to_text(rendering, self);
  rendering.charge_bytes(text->bytes.size());
  int64_t words = 0;
  bool in_word = false;
  for (CodePoints at(text->bytes); at; at.advance()) {
    const bool word = is_word(*at);
    words += word && !in_word ? 1 : 0;
    in_word = word;
  }
  return Value::integer(words);
}

Value filter_format(Rendering& rendering, const Value& self, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    raise(FaultKind::runtime_error, "can't handle positional and keyword arguments at the same time");
  }
  const Value format = to_string(rendering, self);
  if (arguments.named.empty()) return format_percent(rendering, format, rendering.make_tuple(arguments.positional));
  auto names = std::make_shared<Dict>();
  for (const auto& [name, value] : arguments.named) names->insert(Value::string(name), value);
  return format_percent(rendering, format, rendering.make_dict(std::move(names)));
}

Value filter_join(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("join", arguments, {"d", "attribute"}, 0);
  const TextPtr between = given.has(0) ? to_text(rendering, given[0]) : make_text("", Trust::yes);
  const auto items = iterate(rendering, self);
  TextBuilder out = rendering.text_builder();
  bool is_first = true;
  for (Value item; items->next(rendering, item);) {
    if (!is_first) out.append(*between);
    is_first = false;
    if (given.has(1) && !given[1].is_none()) item = attribute_path(rendering, item, given[1]);
    out.append(rendering.autoescape ? *escape(rendering, item) : *to_text(rendering, item));
  }
  rendering.charge_bytes(out.size());
  return Value::string(out.take(rendering.autoescape));
}

Value filter_urlencode(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("urlencode", arguments);
  const auto quote = [&rendering](const Value& value, bool in_query) {
    const TextPtr text = to_text(rendering, value);
    TextBuilder out = rendering.text_builder();
    TrustReader trust(*text);
    for (size_t i = 0; i < text->bytes.size(); ++i) {
      const char c = text->bytes[i];
      const bool plain = is_alnum(static_cast<unsigned char>(c)) && static_cast<unsigned char>(c) < 0x80;
      if (plain || c == '_' || c == '.' || c == '-' || c == '~' || (c == '/' && !in_query)) {
        out.append(c, trust.at(i));
      } else if (c == ' ' && in_query) {
        out.append('+', trust.at(i));
      } else {
        out.append(fmt::format("%{:02X}", static_cast<unsigned char>(c)), trust.at(i));
      }
    }
    return out.take();
  };
  if (self.is_string() || !is_iterable(self)) return Value::string(quote(self, false));
  TextBuilder out = rendering.text_builder();
  const auto add_pair = [&](const Value& key, const Value& value) {
    if (out.size() > 0) out.append('&', Trust::yes);
    out.append(*quote(key, true));
    out.append('=', Trust::yes);
    out.append(*quote(value, true));
  };
  if (self.is(Kind::dict)) {
    for (const auto& [key, value] : self.as<Dict>().entries) add_pair(key, value);
  } else {
    const auto items = iterate(rendering, self);
    for (Value item; items->next(rendering, item);) {
      const std::vector<Value> pair = collect(rendering, item);
      if (pair.size() != 2) raise(FaultKind::value_error, "urlencode wants pairs, got {} values", pair.size());
      add_pair(pair[0], pair[1]);
    }
  }
  return Value::string(out.take());
}

constexpr Builtin kFilters[] = {
    {"trim", filter_trim},
    {"upper", mapped<to_upper>},
    {"lower", mapped<to_lower>},
    {"string", filter_string},
    {"replace", filter_replace},
    {"title", filter_title},
    {"join", filter_join},
    {"indent", filter_indent},
    {"tojson", filter_tojson},
    {"format", filter_format},
    {"capitalize", mapped<to_capitalized>},
    {"center", filter_center},
    {"truncate", filter_truncate},
    {"wordwrap", filter_wordwrap},
    {"wordcount", filter_wordcount},
    {"urlencode", filter_urlencode},
};

}  // namespace

std::span<const Builtin> text_filters() { return kFilters; }

}  // namespace mlxserving::text::jinja
