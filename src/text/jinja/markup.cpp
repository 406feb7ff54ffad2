#include "text/jinja/markup.h"

#include "core/utf8.h"
#include "text/jinja/characters.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

std::string_view entity_of(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&#39;";
    case '"': return "&#34;";
    default: return {};
  }
}

struct Entity {
  std::string_view name;
  char32_t code_point;
};

constexpr Entity kEntities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},     {"apos", '\''},    {"nbsp", 0xA0},
    {"copy", 0xA9},    {"reg", 0xAE},     {"raquo", 0xBB},   {"laquo", 0xAB},   {"ndash", 0x2013}, {"mdash", 0x2014},
    {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"bull", 0x2022},  {"hellip", 0x2026},
    {"trade", 0x2122}, {"euro", 0x20AC},  {"middot", 0xB7},  {"times", 0xD7},   {"deg", 0xB0},     {"eacute", 0xE9},
};

char32_t numeric_entity(std::string_view body) {
  const bool is_hex = body.size() > 1 && (body[1] | 0x20) == 'x';
  const std::string_view digits = body.substr(is_hex ? 2 : 1);
  uint32_t code = 0;
  for (const char c : digits) {
    const bool is_digit = c >= '0' && c <= '9';
    const bool is_letter = is_hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
    if (!is_digit && !is_letter) return 0;
    code = code * (is_hex ? 16 : 10) + static_cast<uint32_t>(is_digit ? c - '0' : (c | 0x20) - 'a' + 10);
    if (code > 0x10FFFF) return utf8::kReplacement;
  }
  if (digits.empty()) return 0;
  return code == 0 || (code >= 0xD800 && code <= 0xDFFF) ? utf8::kReplacement : static_cast<char32_t>(code);
}

char32_t entity_named(std::string_view body) {
  if (!body.empty() && body[0] == '#') return numeric_entity(body);
  for (const Entity& entity : kEntities) {
    if (entity.name == body) return entity.code_point;
  }
  return 0;
}

TextPtr collapse_spaces(Rendering& rendering, const Text& text) {
  TextBuilder out = rendering.text_builder();
  TrustReader trust(text);
  bool is_pending = false;
  for (CodePoints at(text.bytes); at; at.advance()) {
    const Trust from = trust.at(at.offset());
    if (is_space(*at)) {
      is_pending = out.size() > 0;
      continue;
    }
    if (is_pending) out.append(' ', from);
    is_pending = false;
    out.append_code_point(*at, from);
  }
  return out.take();
}

}  // namespace

TextPtr escape_text(Rendering& rendering, const Text& text) {
  TextBuilder out = rendering.text_builder();
  rendering.charge_bytes(text.bytes.size());
  size_t plain = 0;
  TrustReader trust(text);
  for (size_t i = 0; i < text.bytes.size(); ++i) {
    const std::string_view entity = entity_of(text.bytes[i]);
    if (entity.empty()) continue;
    out.append_slice(text, plain, i);
    out.append(entity, trust.at(i));
    plain = i + 1;
  }
  out.append_slice(text, plain, text.bytes.size());
  return out.take(true);
}

TextPtr escape(Rendering& rendering, const Value& value) {
  if (value.is_string() && value.text().markup) return value.text_pointer();
  return escape_text(rendering, *to_text(rendering, value));
}

TextPtr unescape_entities(Rendering& rendering, const Text& text) {
  constexpr size_t kLongest = 10;
  TextBuilder out = rendering.text_builder();
  TrustReader trust(text);
  const std::string_view all = text.view();
  size_t plain = 0;
  for (size_t at = all.find('&'); at != std::string_view::npos; at = all.find('&', at + 1)) {
    const size_t end = all.substr(0, std::min(all.size(), at + kLongest)).find(';', at);
    if (end == std::string_view::npos) continue;
    const char32_t code_point = entity_named(all.substr(at + 1, end - at - 1));
    if (code_point == 0) continue;
    out.append_slice(text, plain, at);
    Trust from = trust.at(at);
    for (size_t i = at; i <= end; ++i) from = trust.at(i) == Trust::no ? Trust::no : from;
    out.append_code_point(code_point, from);
    plain = end + 1;
  }
  out.append_slice(text, plain, all.size());
  return out.take();
}

TextPtr strip_tags(Rendering& rendering, const Text& text) {
  rendering.charge_bytes(text.bytes.size());
  TextBuilder kept = rendering.text_builder();
  const std::string_view all = text.view();
  size_t position = 0;
  for (size_t start = all.find('<'); start != std::string_view::npos; start = all.find('<', position)) {
    const bool is_comment = all.substr(start).starts_with("<!--");
    const size_t close = is_comment ? all.find("-->", start + 4) : all.find('>', start);
    if (close == std::string_view::npos) break;
    kept.append_slice(text, position, start);
    position = close + (is_comment ? 3 : 1);
  }
  kept.append_slice(text, position, all.size());
  return unescape_entities(rendering, *collapse_spaces(rendering, *kept.take()));
}

}  // namespace mlxserving::text::jinja
