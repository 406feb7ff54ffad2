// json.dumps() of Python, which the tojson filter is.
#include <algorithm>
#include <cmath>

#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/stable_sort.h"

namespace mlxserving::text::jinja {
namespace {

struct Style {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool has_indent = false;
  TextPtr indent;
  TextPtr item_separator;
  TextPtr key_separator;
};

class JsonWriter {
 public:
  JsonWriter(Rendering& rendering, const Style& style)
      : rendering_(rendering), style_(style), out_(rendering.text_builder()) {}

  Value run(const Value& value) {
    write(value);
    rendering_.charge_bytes(out_.size());
    return Value::string(out_.take());
  }

 private:
  void write(const Value& value) {
    rendering_.step();
    const Rendering::Depth depth(rendering_);
    switch (value.kind()) {
      case Kind::none: return out_.append("null", Trust::yes);
      case Kind::boolean: return out_.append(value.truth() ? "true" : "false", Trust::yes);
      case Kind::integer: return out_.append(*to_text(rendering_, value));
      case Kind::real: return out_.append(real(value.real()), Trust::yes);
      case Kind::string: return write_text(value.text());
      case Kind::list:
      case Kind::tuple: return write_list(value.as<Sequence>().items);
      case Kind::dict: return write_dict(value.as<Dict>());
      default: raise(FaultKind::type_error, "Object of type {} is not JSON serializable", type_name(value));
    }
  }

  static std::string real(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return real_to_text(value);
  }

  void write_text(const Text& text) {
    out_.append('"', Trust::yes);
    TrustReader trust(text);
    size_t plain = 0;
    for (CodePoints at(text.bytes); at; at.advance()) {
      if (!needs_escape(*at)) continue;
      out_.append_slice(text, plain, at.offset());
      write_escape(*at, trust.at(at.offset()));
      plain = at.end();
    }
    out_.append_slice(text, plain, text.bytes.size());
    out_.append('"', Trust::yes);
  }

  bool needs_escape(char32_t c) const {
    return c < 0x20 || c == '"' || c == '\\' || (style_.ensure_ascii && c >= 0x7F && c != 0x7F);
  }

  void write_escape(char32_t c, Trust trust) {
    switch (c) {
      case '"': return out_.append("\\\"", trust);
      case '\\': return out_.append("\\\\", trust);
      case '\n': return out_.append("\\n", trust);
      case '\r': return out_.append("\\r", trust);
      case '\t': return out_.append("\\t", trust);
      case '\b': return out_.append("\\b", trust);
      case '\f': return out_.append("\\f", trust);
      default: break;
    }
    auto code = static_cast<uint32_t>(c);
    if (code < 0x10000) return out_.append(fmt::format("\\u{:04x}", code), trust);
    code -= 0x10000;
    out_.append(fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)), trust);
  }

  void break_line() {
    if (!style_.has_indent) return;
    out_.append('\n', Trust::yes);
    for (int i = 0; i < level_; ++i) out_.append(*style_.indent);
  }

  void write_list(const std::vector<Value>& items) {
    if (items.empty()) return out_.append("[]", Trust::yes);
    out_.append('[', Trust::yes);
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(*style_.item_separator);
      break_line();
      write(items[i]);
    }
    --level_;
    break_line();
    out_.append(']', Trust::yes);
  }

  void write_dict(const Dict& dict) {
    if (dict.entries.empty()) return out_.append("{}", Trust::yes);
    std::vector<const std::pair<Value, Value>*> entries;
    entries.reserve(dict.entries.size());
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      stable_sort(entries, [](auto* a, auto* b) { return less(a->first, b->first); });
    }
    out_.append('{', Trust::yes);
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.append(*style_.item_separator);
      break_line();
      write_key(entries[i]->first);
      out_.append(*style_.key_separator);
      write(entries[i]->second);
    }
    --level_;
    break_line();
    out_.append('}', Trust::yes);
  }

  void write_key(const Value& key) {
    switch (key.kind()) {
      case Kind::string: return write_text(key.text());
      case Kind::none: return out_.append("\"null\"", Trust::yes);
      case Kind::boolean: return out_.append(key.truth() ? "\"true\"" : "\"false\"", Trust::yes);
      case Kind::integer:
      case Kind::real:
        out_.append('"', Trust::yes);
        write(key);
        return out_.append('"', Trust::yes);
      default: raise(FaultKind::type_error, "keys must be str, int, float, bool or None, not {}", type_name(key));
    }
  }

  Rendering& rendering_;
  const Style& style_;
  TextBuilder out_;
  int level_ = 0;
};

TextPtr indent_of(Rendering& rendering, const Value& indent) {
  if (indent.is_string()) return indent.text_pointer();
  const int64_t width = std::max<int64_t>(0, as_index(indent, "indent"));
  const auto bytes_max = static_cast<int64_t>(rendering.limits().string_bytes_max);
  if (width > bytes_max) raise(FaultKind::limit, "indent must be at most {}, got {}", bytes_max, width);
  return make_text(std::string(static_cast<size_t>(width), ' '), Trust::yes);
}

TextPtr separator_of(const Value& value) {
  if (!value.is_string()) raise(FaultKind::type_error, "separators must be strings, not {}", type_name(value));
  return value.text_pointer();
}

}  // namespace

Value filter_tojson(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0);
  Style style;
  style.ensure_ascii = given.truth(0, false);
  style.sort_keys = given.truth(3, false);
  style.has_indent = given.has(1) && !given[1].is_none();
  if (style.has_indent) style.indent = indent_of(rendering, given[1]);
  style.item_separator = make_text(style.has_indent ? "," : ", ", Trust::yes);
  style.key_separator = make_text(": ", Trust::yes);
  if (given.has(2) && !given[2].is_none()) {
    const std::vector<Value> pair = collect(rendering, given[2]);
    if (pair.size() != 2) raise(FaultKind::value_error, "separators must be two strings, got {}", pair.size());
    style.item_separator = separator_of(pair[0]);
    style.key_separator = separator_of(pair[1]);
  }
  return JsonWriter(rendering, style).run(self);
}

}  // namespace mlxserving::text::jinja
