// An example document as a grammar.
#include <charconv>

#include "core/result.h"
#include "grammar/pattern.h"
#include "grammar/xml_document.h"
#include "grammar/xml_grammar.h"

namespace mlxserving::grammar {
namespace {

bool is_reserved(std::string_view name) { return name.starts_with("x-"); }

bool is_alike(const XmlNode& a, const XmlNode& b) {
  if (a.name != b.name || a.attributes != b.attributes || a.text != b.text || a.children.size() != b.children.size())
    return false;
  for (size_t i = 0; i < a.children.size(); ++i) {
    if (!is_alike(a.children[i], b.children[i])) return false;
  }
  return true;
}

class ModelReader {
 public:
  explicit ModelReader(RegexPool& pool) : pool_(pool), gap_(Expression::of(xml_gap(pool))) {}

  Result<RuleSet> read(const XmlDocument& document) {
    std::vector<Expression> parts;
    if (document.has_declaration) {
      const RegexId declaration =
          pool_.concat({pool_.literal("<?xml version=\"1.0\""), pool_.optional(pool_.literal(" encoding=\"UTF-8\"")),
                        pool_.literal("?>")});
      parts.push_back(Expression::of(declaration));
      parts.push_back(gap_);
    }
    MLXS_TRY(auto root, element(document.root));
    parts.push_back(std::move(root));
    RuleSet rules{.rules = {}, .start = "document"};
    rules.rules.emplace("document", Expression::all(std::move(parts)));
    return rules;
  }

 private:
  static Error refuse(const XmlNode& node, const std::string& what) {
    return fail(ErrorCode::invalid_request, "xml", "{} in line {}: {}", node.name, node.line, what);
  }
  Expression literal(const std::string& text) { return Expression::of(pool_.literal(text)); }

  // The type that a text names, or the text itself.
  Result<RegexId> value(const XmlNode& node, const std::string& text, Spelling spelling) {
    if (const auto type = xml_type(pool_, text, spelling)) return *type;
    if (text.starts_with("enum(") && text.ends_with(")")) {
      std::vector<RegexId> choices;
      std::string_view rest = std::string_view(text).substr(5, text.size() - 6);
      while (true) {
        const size_t bar = rest.find('|');
        choices.push_back(pool_.literal(spell(rest.substr(0, bar), spelling)));
        if (bar == std::string_view::npos) break;
        rest.remove_prefix(bar + 1);
      }
      return pool_.any_of(std::move(choices));
    }
    if (text.starts_with("regex(/") && text.ends_with("/)")) {
      const auto parsed = parse_pattern(pool_, std::string_view(text).substr(7, text.size() - 9),
                                        {.spelling = spelling, .is_search = false});
      return parsed ? Result<RegexId>(*parsed) : refuse(node, parsed.error().message);
    }
    return pool_.literal(spell(text, spelling));
  }

  Result<Expression> element(const XmlNode& node) {
    std::vector<Expression> parts{literal("<" + node.name)};
    for (const auto& [name, type] : node.attributes) {
      if (is_reserved(name)) continue;
      MLXS_TRY(const RegexId text, value(node, type, Spelling::xml_attribute));
      parts.push_back(literal(" " + name + "=\""));
      parts.push_back(Expression::of(text));
      parts.push_back(literal("\""));
    }
    if (!node.children.empty() && !node.text.empty())
      return refuse(node, "an element holds text or elements, not both");
    if (node.children.empty() && node.text.empty() && !node.has_cdata) {
      parts.push_back(Expression::any({literal("/>"), literal("></" + node.name + ">")}));
      return Expression::all(std::move(parts));
    }
    parts.push_back(literal(">"));
    MLXS_TRY(auto inner, node.children.empty() ? leaf(node) : children(node));
    parts.push_back(std::move(inner));
    parts.push_back(literal("</" + node.name + ">"));
    return Expression::all(std::move(parts));
  }

  Result<Expression> leaf(const XmlNode& node) {
    MLXS_TRY(const RegexId text, value(node, node.text.empty() ? "string" : node.text, Spelling::xml_text));
    if (!node.has_cdata) return Expression::of(text);
    const RegexId any = pool_.repeat(spell(pool_, CharSet::all(), Spelling::utf8), 0, kUnbounded);
    const RegexId data = pool_.minus(any, pool_.concat({any, pool_.literal("]]>"), any}));
    const RegexId cdata = pool_.concat({pool_.literal("<![CDATA["), data, pool_.literal("]]>")});
    return Expression::any({Expression::of(text), Expression::of(cdata)});
  }

  Result<Expression> children(const XmlNode& node) {
    std::vector<Expression> parts;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const XmlNode& child = node.children[i];
      size_t alike = 1;
      while (i + alike < node.children.size() && is_alike(child, node.children[i + alike])) ++alike;
      uint32_t min = 1, max = alike > 1 ? kUnbounded : 1;
      MLXS_CHECKED(occurrence(child, min, max));
      MLXS_TRY(auto one, element(child));
      parts.push_back(Expression::times(Expression::all({gap_, std::move(one)}), min, max));
      i += alike - 1;
    }
    parts.push_back(gap_);
    return Expression::all(std::move(parts));
  }

  static Result<void> occurrence(const XmlNode& node, uint32_t& min, uint32_t& max) {
    const auto count = [&](const char* name, uint32_t& out) -> Result<void> {
      const std::string* text = node.attribute(name);
      if (text == nullptr) return {};
      if (*text == "*" && std::string_view(name) == "x-max") {
        out = kUnbounded;
        return {};
      }
      const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
      if (error != std::errc() || end != text->data() + text->size() || out > 100'000)
        return refuse(node, std::string(name) + " must be a whole number of at most 100000, got " + *text);
      return {};
    };
    const std::string* optional = node.attribute("x-optional");
    if (optional != nullptr && *optional == "true") min = 0;
    MLXS_CHECKED(count("x-min", min));
    MLXS_CHECKED(count("x-max", max));
    if (min > max) return refuse(node, "x-min is more than x-max");
    return {};
  }

  RegexPool& pool_;
  Expression gap_;
};

}  // namespace

Result<RuleSet> read_xml_model(std::string_view document, RegexPool& pool, const RuleLimits& limits) {
  MLXS_TRY(const XmlDocument parsed, parse_xml(document, {.bytes_max = limits.bytes_max}));
  return ModelReader(pool).read(parsed);
}

}  // namespace mlxserving::grammar
