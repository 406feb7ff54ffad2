// XML Schema 1.0 as a grammar.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/result.h"
#include "grammar/pattern.h"
#include "grammar/xml_document.h"
#include "grammar/xml_grammar.h"

namespace mlxserving::grammar {
namespace {

constexpr std::string_view kSchemaUri = "http://www.w3.org/2001/XMLSchema";
constexpr size_t kAllInAnyOrder = 4;  // an xs:all of more elements is written in the order it has in the schema

std::string local(std::string_view name) {
  const size_t colon = name.find(':');
  return std::string(colon == std::string_view::npos ? name : name.substr(colon + 1));
}

class XmlSchemaReader {
 public:
  XmlSchemaReader(const XmlNode& schema, RegexPool& pool)
      : schema_(schema), pool_(pool), gap_(Expression::of(xml_gap(pool))) {}

  Result<RuleSet> read() {
    for (const auto& [name, uri] : schema_.attributes) {
      if (uri == kSchemaUri && name.starts_with("xmlns:")) prefix_ = name.substr(6) + ":";
    }
    if (schema_.name != prefix_ + "schema") return refuse(schema_, "expected xs:schema");
    for (const XmlNode& child : schema_.children) {
      const std::string* name = child.attribute("name");
      if (name != nullptr) globals_[kind(child)].emplace(*name, &child);
    }
    const auto root = std::ranges::find_if(schema_.children, [&](const XmlNode& n) { return kind(n) == "element"; });
    if (root == schema_.children.end()) return refuse(schema_, "has no global element");
    namespace_ = schema_.attribute("targetNamespace");
    rules_.start = "document";
    MLXS_TRY(auto element, element_of(*root, true));
    rules_.rules.emplace("document", std::move(element));
    // Rules that others need are found while rules are read.
    while (!wanted_.empty()) {
      const auto [name, node] = wanted_.back();
      wanted_.pop_back();
      MLXS_TRY(auto body, complex_type(*node));
      rules_.rules.emplace(name, std::move(body));
    }
    return std::move(rules_);
  }

 private:
  static Error refuse(const XmlNode& node, const std::string& what) {
    const std::string* name = node.attribute("name");
    return fail(ErrorCode::invalid_request, "xml", "{}{} in line {} of the XML Schema: {}", node.name,
                name == nullptr ? "" : " " + *name, node.line, what);
  }
  // Without its prefix; empty for elements of another namespace.
  std::string kind(const XmlNode& node) const {
    return node.name.starts_with(prefix_) ? node.name.substr(prefix_.size()) : std::string();
  }
  Expression literal(const std::string& text) { return Expression::of(pool_.literal(text)); }

  static std::string text_of(const XmlNode& node, std::string_view attribute, std::string_view otherwise) {
    const std::string* value = node.attribute(attribute);
    return value == nullptr ? std::string(otherwise) : *value;
  }

  Result<const XmlNode*> global(const XmlNode& at, const std::string& of_kind, const std::string& name) {
    const auto& named = globals_[of_kind];
    const auto found = named.find(local(name));
    if (found == named.end()) return refuse(at, "there is no " + of_kind + " " + name);
    return found->second;
  }

  static Result<uint32_t> count(const XmlNode& node, const char* attribute, uint32_t otherwise) {
    const std::string* text = node.attribute(attribute);
    if (text == nullptr) return otherwise;
    if (*text == "unbounded") return kUnbounded;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value > 100'000)
      return refuse(node, std::string(attribute) + " must be a whole number of at most 100000 or unbounded");
    return value;
  }

  Result<Expression> repeated(const XmlNode& node, Expression once) {
    MLXS_TRY(const uint32_t min, count(node, "minOccurs", 1));
    MLXS_TRY(const uint32_t max, count(node, "maxOccurs", 1));
    if (min > max) return refuse(node, "minOccurs is more than maxOccurs");
    if (min == 1 && max == 1) return once;
    return Expression::times(std::move(once), min, max);
  }

  // --- Elements

  // Names of global elements, and with elementFormDefault="qualified" of all, are in the target namespace.
  bool is_qualified() const { return text_of(schema_, "elementFormDefault", "unqualified") == "qualified"; }

  Result<Expression> element_of(const XmlNode& node, bool is_root) {
    if (const std::string* ref = node.attribute("ref")) {
      MLXS_TRY(const XmlNode* target, global(node, "element", *ref));
      return element_of(*target, false);
    }
    const std::string* plain = node.attribute("name");
    if (plain == nullptr) return refuse(node, "needs a name or a ref");
    const bool is_global = std::ranges::any_of(schema_.children, [&](const XmlNode& n) { return &n == &node; });
    const bool is_prefixed = namespace_ != nullptr && !is_qualified() && is_global;
    const std::string name = is_prefixed ? "tns:" + *plain : *plain;
    std::string open = "<" + name;
    if (is_root && namespace_ != nullptr) open += (is_prefixed ? " xmlns:tns=\"" : " xmlns=\"") + *namespace_ + "\"";
    std::vector<Expression> parts{literal(open)};
    MLXS_TRY(auto rest, element_type(node, name));
    parts.push_back(std::move(rest));
    return Expression::all(std::move(parts));
  }

  // What follows the name: attributes, content, end tag.
  Result<Expression> element_type(const XmlNode& node, const std::string& name) {
    if (const std::string* fixed = node.attribute("fixed"))
      return literal(">" + spell(*fixed, Spelling::xml_text) + "</" + name + ">");
    for (const XmlNode& child : node.children) {
      const std::string what = kind(child);
      if (what == "key" || what == "keyref" || what == "unique") return refuse(child, "is not supported");
      if (what == "complexType") return with_end(child, name);
      if (what == "simpleType") {
        MLXS_TRY(const RegexId text, simple_type(child, Spelling::xml_text));
        return Expression::all({literal(">"), Expression::of(text), literal("</" + name + ">")});
      }
    }
    const std::string* type = node.attribute("type");
    if (type == nullptr) return refuse(node, "has no type, so anything could stand in it");
    const auto& types = globals_["complexType"];
    if (const auto found = types.find(local(*type)); found != types.end() && !is_built_in(*type))
      return with_end(*found->second, name);
    MLXS_TRY(const RegexId text, simple_name(node, *type, Spelling::xml_text));
    return Expression::all({literal(">"), Expression::of(text), literal("</" + name + ">")});
  }

  // A type's attributes and content are a rule, so that types may hold themselves; the end tag is the element's.
  Result<Expression> with_end(const XmlNode& type, const std::string& element) {
    const std::string rule =
        text_of(type, "name", "type in line " + std::to_string(type.line)) + "#" + std::to_string(number_of(type));
    if (asked_.insert(rule).second) wanted_.emplace_back(rule, &type);
    return Expression::all({Expression::to(rule), literal("</" + element + ">")});
  }
  size_t number_of(const XmlNode& type) { return numbers_.emplace(&type, numbers_.size()).first->second; }

  // --- Complex types: from after the element's name to before its end tag.

  struct Content {
    std::vector<Expression> attributes;
    std::vector<Expression> elements;
    std::optional<RegexId> text;
    bool is_mixed = false;
  };

  Result<Expression> complex_type(const XmlNode& type) {
    Content content;
    MLXS_CHECKED(collect(type, content, 0));
    std::vector<Expression> parts = std::move(content.attributes);
    parts.push_back(literal(">"));
    if (content.text) {
      parts.push_back(Expression::of(*content.text));
    } else if (content.is_mixed) {
      const RegexId text = *xml_type(pool_, "string", Spelling::xml_text);
      for (Expression& element : content.elements) parts.push_back(std::move(element));
      parts.push_back(Expression::of(text));
    } else if (!content.elements.empty()) {
      for (Expression& element : content.elements) parts.push_back(std::move(element));
      parts.push_back(gap_);
    }
    return Expression::all(std::move(parts));
  }

  Result<void> collect(const XmlNode& node, Content& content, int depth) {
    if (depth > 50) return refuse(node, "types extend one another too deep");
    if (text_of(node, "mixed", "false") == "true") content.is_mixed = true;
    if (text_of(node, "abstract", "false") == "true") return refuse(node, "abstract types are not supported");
    for (const XmlNode& child : node.children) {
      const std::string what = kind(child);
      if (what == "annotation" || what.empty()) continue;
      if (what == "attribute") {
        MLXS_CHECKED(attribute(child, content));
      } else if (what == "attributeGroup") {
        MLXS_TRY(const XmlNode* group, global(child, "attributeGroup", text_of(child, "ref", "")));
        MLXS_CHECKED(collect(*group, content, depth + 1));
      } else if (what == "simpleContent") {
        MLXS_CHECKED(simple_content(child, content, depth));
      } else if (what == "complexContent") {
        MLXS_CHECKED(complex_content(child, content, depth));
      } else {
        MLXS_TRY(auto particle, particle_of(child, content.is_mixed));
        content.elements.push_back(std::move(particle));
      }
    }
    return {};
  }

  Result<void> simple_content(const XmlNode& node, Content& content, int depth) {
    for (const XmlNode& child : node.children) {
      if (kind(child) == "annotation") continue;
      if (kind(child) != "extension") return refuse(child, "only an extension is supported as simple content");
      const std::string base = text_of(child, "base", "");
      const auto& types = globals_["complexType"];
      if (const auto found = types.find(local(base)); found != types.end() && !is_built_in(base)) {
        MLXS_CHECKED(collect(*found->second, content, depth + 1));
      } else {
        MLXS_TRY(content.text, simple_name(child, base, Spelling::xml_text));
      }
      MLXS_CHECKED(collect(child, content, depth + 1));
    }
    return {};
  }

  Result<void> complex_content(const XmlNode& node, Content& content, int depth) {
    for (const XmlNode& child : node.children) {
      if (kind(child) == "annotation") continue;
      if (kind(child) == "extension") {
        MLXS_TRY(const XmlNode* base, global(child, "complexType", text_of(child, "base", "")));
        MLXS_CHECKED(collect(*base, content, depth + 1));
      }
      MLXS_CHECKED(collect(child, content, depth + 1));
    }
    return {};
  }

  Result<void> attribute(const XmlNode& given, Content& content) {
    const XmlNode* node = &given;
    if (const std::string* ref = given.attribute("ref")) {
      MLXS_TRY(node, global(given, "attribute", *ref));
    }
    const std::string use = text_of(given, "use", "optional");
    if (use == "prohibited") return {};
    const std::string* name = node->attribute("name");
    if (name == nullptr) return refuse(given, "needs a name or a ref");
    RegexId value = kNothing;
    const auto inner = std::ranges::find_if(node->children, [&](const XmlNode& n) { return kind(n) == "simpleType"; });
    if (const std::string* fixed = node->attribute("fixed")) {
      value = pool_.literal(spell(*fixed, Spelling::xml_attribute));
    } else if (inner != node->children.end()) {
      MLXS_TRY(value, simple_type(*inner, Spelling::xml_attribute));
    } else {
      MLXS_TRY(value, simple_name(*node, text_of(*node, "type", prefix_ + "string"), Spelling::xml_attribute));
    }
    auto written = Expression::of(pool_.concat({pool_.literal(" " + *name + "=\""), value, pool_.literal("\"")}));
    content.attributes.push_back(use == "required" ? std::move(written) : Expression::times(std::move(written), 0, 1));
    return {};
  }

  // --- Particles

  Result<Expression> particle_of(const XmlNode& node, bool is_mixed) {
    const std::string what = kind(node);
    if (what == "element") {
      MLXS_TRY(auto element, element_of(node, false));
      auto before = is_mixed ? Expression::of(*xml_type(pool_, "string", Spelling::xml_text)) : gap_;
      return repeated(node, Expression::all({std::move(before), std::move(element)}));
    }
    if (what == "group") {
      MLXS_TRY(const XmlNode* group, global(node, "group", text_of(node, "ref", "")));
      for (const XmlNode& child : group->children) {
        if (kind(child) == "annotation") continue;
        if (++nested_ > 50) return refuse(node, "groups nest too deep");
        MLXS_TRY(auto inner, particle_of(child, is_mixed));
        --nested_;
        return repeated(node, std::move(inner));
      }
      return refuse(*group, "is empty");
    }
    if (what != "sequence" && what != "choice" && what != "all") return refuse(node, "is not supported");
    std::vector<Expression> parts;
    for (const XmlNode& child : node.children) {
      if (kind(child) == "annotation") continue;
      MLXS_TRY(auto part, particle_of(child, is_mixed));
      parts.push_back(std::move(part));
    }
    if (what == "choice") return repeated(node, Expression::any(std::move(parts)));
    if (what == "sequence" || parts.size() > kAllInAnyOrder) return repeated(node, Expression::all(std::move(parts)));
    return repeated(node, in_any_order(parts));
  }

  static Expression in_any_order(const std::vector<Expression>& parts) {
    std::vector<size_t> order(parts.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::vector<Expression> orders;
    do {
      std::vector<Expression> sequence;
      sequence.reserve(order.size());
      for (const size_t i : order) sequence.push_back(parts[i]);
      orders.push_back(Expression::all(std::move(sequence)));
    } while (std::ranges::next_permutation(order).found);
    return Expression::any(std::move(orders));
  }

  // --- Simple types

  // Where XML Schema is the default namespace, a name may be either.
  bool is_built_in(const std::string& name) {
    if (!prefix_.empty()) return name.starts_with(prefix_);
    return !globals_["simpleType"].contains(name) && !globals_["complexType"].contains(name);
  }

  Result<RegexId> simple_name(const XmlNode& at, const std::string& name, Spelling spelling) {
    if (is_built_in(name)) {
      const std::string built_in = name.substr(prefix_.size());
      if (const auto type = xml_type(pool_, built_in, spelling)) return *type;
      return refuse(at, "the type " + name + " is not supported");
    }
    MLXS_TRY(const XmlNode* type, global(at, "simpleType", name));
    if (++nested_ > 50) return refuse(at, "types refer to one another too deep");
    MLXS_TRY(const RegexId result, simple_type(*type, spelling));
    --nested_;
    return result;
  }

  Result<RegexId> simple_type(const XmlNode& node, Spelling spelling) {
    for (const XmlNode& child : node.children) {
      const std::string what = kind(child);
      if (what == "restriction") return restriction(child, spelling);
      if (what == "list") {
        MLXS_TRY(const RegexId item, base_of(child, "itemType", spelling));
        return pool_.optional(pool_.concat(item, pool_.repeat(pool_.concat(pool_.literal(" "), item), 0, kUnbounded)));
      }
      if (what == "union") return union_of(child, spelling);
    }
    return refuse(node, "has neither restriction, list nor union");
  }

  Result<RegexId> union_of(const XmlNode& node, Spelling spelling) {
    std::vector<RegexId> members;
    std::string names = text_of(node, "memberTypes", "");
    for (size_t at = 0; at < names.size();) {
      const size_t end = std::min(names.find(' ', at), names.size());
      if (end > at) {
        MLXS_TRY(const RegexId member, simple_name(node, names.substr(at, end - at), spelling));
        members.push_back(member);
      }
      at = end + 1;
    }
    for (const XmlNode& child : node.children) {
      if (kind(child) != "simpleType") continue;
      MLXS_TRY(const RegexId member, simple_type(child, spelling));
      members.push_back(member);
    }
    return pool_.any_of(std::move(members));
  }

  Result<RegexId> base_of(const XmlNode& node, const char* attribute, Spelling spelling) {
    if (const std::string* name = node.attribute(attribute)) return simple_name(node, *name, spelling);
    for (const XmlNode& child : node.children) {
      if (kind(child) == "simpleType") return simple_type(child, spelling);
    }
    return refuse(node, std::string("needs ") + attribute);
  }

  Result<RegexId> restriction(const XmlNode& node, Spelling spelling) {
    MLXS_TRY(const RegexId base, base_of(node, "base", spelling));
    std::vector<RegexId> all{base}, enumerated, patterns;
    uint32_t min = 0, max = kUnbounded;
    NumberSpec spec;
    for (const XmlNode& facet : node.children) {
      const std::string what = kind(facet);
      const std::string* value = facet.attribute("value");
      if (what == "annotation" || what == "simpleType" || what == "whiteSpace") continue;
      if (value == nullptr) return refuse(facet, "needs a value");
      if (what == "enumeration") {
        enumerated.push_back(pool_.literal(spell(*value, spelling)));
      } else if (what == "pattern") {
        const auto pattern = parse_pattern(pool_, *value, {.spelling = spelling, .is_search = false});
        if (!pattern) return refuse(facet, pattern.error().message);
        patterns.push_back(*pattern);
      } else if (what == "length" || what == "minLength" || what == "maxLength") {
        MLXS_TRY(const uint32_t length, count(facet, "value", 0));
        if (what != "maxLength") min = std::max(min, length);
        if (what != "minLength") max = std::min(max, length);
      } else {
        MLXS_CHECKED(number_facet(facet, what, *value, spec, all));
      }
    }
    if (!enumerated.empty()) all.push_back(pool_.any_of(std::move(enumerated)));
    if (!patterns.empty()) all.push_back(pool_.any_of(std::move(patterns)));
    if (min > 0 || max != kUnbounded)
      all.push_back(min > max ? kNothing : pool_.repeat(spell(pool_, CharSet::all(), spelling), min, max));
    if (spec.min || spec.max) all.push_back(pool_.number(spec));
    const RegexId result = pool_.all_of(std::move(all));
    if (pool_.is_empty(result)) return refuse(node, "no value can satisfy it");
    return result;
  }

  Result<void> number_facet(const XmlNode& facet, const std::string& what, const std::string& value, NumberSpec& spec,
                            std::vector<RegexId>& all) {
    if (what == "totalDigits" || what == "fractionDigits") {
      MLXS_TRY(const uint32_t digits, count(facet, "value", 0));
      const std::string limit = std::to_string(std::min(digits, 30U));
      const std::string pattern =
          what == "fractionDigits" ? (digits == 0 ? std::string("-?[0-9]+") : "-?[0-9]+(?:\\.[0-9]{1," + limit + "})?")
                                   : "(?=-?(?:[0-9]\\.?){1," + limit + "}$)-?[0-9]+(?:\\.[0-9]+)?";
      all.push_back(parse_pattern(pool_, pattern, {.is_search = false}).value());
      return {};
    }
    const auto bound = parse_decimal(value);
    if (!bound) return refuse(facet, "needs a decimal number, got " + value);
    if (what == "minInclusive" || what == "minExclusive") {
      spec.min = *bound;
      spec.min_excluded = what == "minExclusive";
    } else if (what == "maxInclusive" || what == "maxExclusive") {
      spec.max = *bound;
      spec.max_excluded = what == "maxExclusive";
    } else {
      return refuse(facet, "is not supported");
    }
    return {};
  }

  const XmlNode& schema_;
  RegexPool& pool_;
  Expression gap_;
  std::string prefix_;
  const std::string* namespace_ = nullptr;
  std::map<std::string, std::map<std::string, const XmlNode*>> globals_;  // by kind and name
  RuleSet rules_;
  std::vector<std::pair<std::string, const XmlNode*>> wanted_;
  std::set<std::string> asked_;
  std::map<const XmlNode*, size_t> numbers_;
  int nested_ = 0;
};

}  // namespace

Result<RuleSet> read_xml_schema(std::string_view document, RegexPool& pool, const RuleLimits& limits) {
  MLXS_TRY(const XmlDocument parsed, parse_xml(document, {.bytes_max = limits.bytes_max}));
  return XmlSchemaReader(parsed.root, pool).read();
}

}  // namespace mlxserving::grammar
