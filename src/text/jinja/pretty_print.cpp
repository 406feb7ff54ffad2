#include "text/jinja/pretty_print.h"

#include <algorithm>

#include "text/jinja/characters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/stable_sort.h"
#include "text/jinja/text_search.h"

namespace mlxserving::text::jinja {
namespace {

constexpr int64_t kWidth = 80;

using Entry = std::pair<Value, Value>;

// Keys of unlike types sort by the name of their type, as pprint's _safe_key does.
bool comes_before(const Entry& a, const Entry& b) {
  const bool comparable = (a.first.is_number() && b.first.is_number()) || (a.first.is_string() && b.first.is_string());
  return comparable ? less(a.first, b.first) : type_name(a.first) < type_name(b.first);
}

// The value with the keys of all its dicts sorted.
Value with_sorted_keys(Rendering& rendering, const Value& value) {
  const Rendering::Depth depth(rendering);
  rendering.step();
  if (value.is(Kind::dict)) {
    std::vector<Entry> entries = value.as<Dict>().entries;
    stable_sort(entries, comes_before);
    auto sorted = std::make_shared<Dict>();
    for (const auto& [key, item] : entries) sorted->insert(key, with_sorted_keys(rendering, item));
    return rendering.make_dict(std::move(sorted));
  }
  if (!value.is(Kind::list) && !value.is(Kind::tuple)) return value;
  std::vector<Value> items;
  for (const Value& item : value.as<Sequence>().items) items.push_back(with_sorted_keys(rendering, item));
  return value.is(Kind::list) ? rendering.make_list(std::move(items)) : rendering.make_tuple(std::move(items));
}

class PrettyPrinter {
 public:
  explicit PrettyPrinter(Rendering& rendering) : rendering_(rendering), out_(rendering.text_builder()) {}

  TextPtr run(const Value& value) {
    format(value, 0, 0, 0);
    return out_.take();
  }

 private:
  TextPtr repr_of(const Value& value) {
    TextBuilder plain = rendering_.text_builder();
    append_repr(rendering_, plain, value);
    return plain.take();
  }

  void pad(int64_t spaces) {
    out_.append(std::string(static_cast<size_t>(std::max<int64_t>(0, spaces)), ' '), Trust::yes);
  }

  // `indent` columns stand before, `allowance` closing brackets will follow.
  void format(const Value& value, int64_t indent, int64_t allowance, int level) {
    const Rendering::Depth depth(rendering_);
    const TextPtr flat = repr_of(value);
    if (static_cast<int64_t>(flat->code_points) <= kWidth - indent - allowance) return out_.append(*flat);
    switch (value.kind()) {
      case Kind::dict: return format_dict(value.as<Dict>(), indent, allowance, level + 1);
      case Kind::list: return format_items(value.as<Sequence>().items, '[', "]", indent, allowance, level + 1);
      case Kind::tuple: {
        const auto& items = value.as<Sequence>().items;
        return format_items(items, '(', items.size() == 1 ? ",)" : ")", indent, allowance, level + 1);
      }
      case Kind::string:
        if (!value.text().markup) return format_text(value.text_pointer(), indent, allowance, level + 1);
        break;
      default: break;
    }
    out_.append(*flat);
  }

  void format_dict(const Dict& dict, int64_t indent, int64_t allowance, int level) {
    out_.append('{', Trust::yes);
    indent += 1;
    for (size_t i = 0; i < dict.entries.size(); ++i) {
      const auto& [key, value] = dict.entries[i];
      const bool is_last = i + 1 == dict.entries.size();
      if (i > 0) {
        out_.append(",\n", Trust::yes);
        pad(indent);
      }
      const TextPtr name = repr_of(key);
      out_.append(*name);
      out_.append(": ", Trust::yes);
      format(value, indent + static_cast<int64_t>(name->code_points) + 2, is_last ? allowance + 1 : 1, level);
    }
    out_.append('}', Trust::yes);
  }

  void format_items(const std::vector<Value>& items, char open, std::string_view close, int64_t indent,
                    int64_t allowance, int level) {
    out_.append(open, Trust::yes);
    indent += 1;
    allowance += static_cast<int64_t>(close.size());
    for (size_t i = 0; i < items.size(); ++i) {
      const bool is_last = i + 1 == items.size();
      if (i > 0) {
        out_.append(",\n", Trust::yes);
        pad(indent);
      }
      format(items[i], indent, is_last ? allowance : 1, level);
    }
    out_.append(close, Trust::yes);
  }

  // Words with the white space after them: what a long string is broken into.
  static std::vector<Value> words_of(const TextPtr& line) {
    std::vector<Value> words;
    size_t begin = 0;
    CodePoints at(line->bytes);
    while (at) {
      while (at && !is_space(*at)) at.advance();
      while (at && is_space(*at)) at.advance();
      words.push_back(Value::string(slice_text(line, begin, at.offset())));
      begin = at.offset();
    }
    return words;
  }

  void format_text(const TextPtr& text, int64_t indent, int64_t allowance, int level) {
    const std::vector<Value> lines = split_lines(text, true);
    if (level == 1) {
      indent += 1;
      allowance += 1;
    }
    std::vector<TextPtr> chunks;
    const int64_t width_max = kWidth - indent;
    for (size_t i = 0; i < lines.size(); ++i) {
      const TextPtr whole = repr_of(lines[i]);
      const int64_t last_width = i + 1 == lines.size() ? width_max - allowance : width_max;
      if (static_cast<int64_t>(whole->code_points) <= last_width) {
        chunks.push_back(whole);
        continue;
      }
      add_wrapped(chunks, lines[i].text_pointer(), width_max, i + 1 == lines.size() ? allowance : 0);
    }
    if (chunks.size() == 1) return out_.append(*chunks[0]);
    if (level == 1) out_.append('(', Trust::yes);
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (i > 0) {
        out_.append('\n', Trust::yes);
        pad(indent);
      }
      out_.append(*chunks[i]);
    }
    if (level == 1) out_.append(')', Trust::yes);
  }

  void add_wrapped(std::vector<TextPtr>& chunks, const TextPtr& line, int64_t width_max, int64_t allowance) {
    const std::vector<Value> words = words_of(line);
    Value current = Value::string("");
    for (size_t i = 0; i < words.size(); ++i) {
      const Value candidate = calculate(rendering_, Arithmetic::add, current, words[i]);
      const int64_t width = i + 1 == words.size() ? width_max - allowance : width_max;
      if (static_cast<int64_t>(repr_of(candidate)->code_points) <= width) {
        current = candidate;
        continue;
      }
      if (is_true(current)) chunks.push_back(repr_of(current));
      current = words[i];
    }
    if (is_true(current)) chunks.push_back(repr_of(current));
  }

  Rendering& rendering_;
  TextBuilder out_;
};

}  // namespace

TextPtr pretty_print(Rendering& rendering, const Value& value) {
  return PrettyPrinter(rendering).run(with_sorted_keys(rendering, value));
}

}  // namespace mlxserving::text::jinja
