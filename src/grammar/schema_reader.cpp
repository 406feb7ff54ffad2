// From the JSON text of a schema to its graph: one function a keyword.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/result.h"
#include "grammar/char_set.h"
#include "grammar/formats.h"
#include "grammar/json_schema.h"
#include "grammar/pattern.h"

namespace mlxserving::grammar {
namespace {

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto hex = [](char c) {
      return c >= '0' && c <= '9'   ? c - '0'
             : c >= 'a' && c <= 'f' ? c - 'a' + 10
             : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                    : -1;
    };
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// RFC 3986 resolution, without dot segments.
std::string joined(std::string_view base, std::string_view ref) {
  const std::string_view plain = base.substr(0, base.find('#'));
  if (ref.empty() || ref.front() == '#') return std::string(plain) + std::string(ref);
  const size_t colon = ref.find(':');
  if (colon != std::string_view::npos && ref.find('/') > colon) return std::string(ref);
  if (ref.front() == '/') {
    const size_t authority = plain.find("://");
    const size_t path = authority == std::string_view::npos ? 0 : plain.find('/', authority + 3);
    return std::string(plain.substr(0, path)) + std::string(ref);
  }
  const size_t slash = plain.rfind('/');
  return (slash == std::string_view::npos ? std::string() : std::string(plain.substr(0, slash + 1))) + std::string(ref);
}

uint8_t kind_of(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_number()) return kNumber;
  if (value.is_string()) return kString;
  return value.is_array() ? kArray : kObject;
}

}  // namespace

class SchemaReader {
 public:
  SchemaReader(SchemaGraph& graph, const Json& document, RegexPool& pool, const SchemaLimits& limits)
      : graph_(graph), document_(document), pool_(pool), limits_(limits) {}

  Result<void> read() {
    graph_.schemas_.resize(2);
    graph_.schemas_[kFalseSchema].kinds = 0;
    find_draft();
    bases_.emplace("", &document_);
    MLXS_TRY(graph_.root_, schema({.json = &document_, .pointer = "", .base = ""}));
    return {};
  }

 private:
  struct Place {
    const Json* json;
    std::string pointer;
    std::string base;
    Place child(std::string_view key) const { return {&(*json)[std::string(key)], pointer + "/" + escaped(key), base}; }
    Place child(size_t index) const { return {&(*json)[index], fmt::format("{}/{}", pointer, index), base}; }
  };

  template <typename... Args>
  static Error refuse(const Place& at, std::string_view keyword, fmt::format_string<Args...> text, Args&&... args) {
    std::string pointer = at.pointer;
    if (!keyword.empty()) pointer += "/" + std::string(keyword);
    return {ErrorCode::invalid_request,
            fmt::format("{}: ", pointer.empty() ? "/" : pointer) + fmt::format(text, std::forward<Args>(args)...),
            pointer};
  }

  void find_draft() {
    if (!document_.is_object() || !document_.contains("$schema") || !document_["$schema"].is_string()) return;
    const std::string uri = document_["$schema"].get<std::string>();
    for (const auto& [name, draft] :
         {std::pair{"draft-03", 3}, {"draft-04", 4}, {"draft-06", 6}, {"draft-07", 7}, {"2019-09", 2019}}) {
      if (uri.find(name) != std::string::npos) draft_ = draft;
    }
  }

  Result<SchemaId> schema(const Place& at) {
    const Json& json = *at.json;
    if (json.is_boolean()) return json.get<bool>() ? kTrueSchema : kFalseSchema;
    if (!json.is_object()) return refuse(at, "", "a schema is an object or a boolean, found {}", json.type_name());
    if (json.empty()) return kTrueSchema;
    if (const auto found = seen_.find(&json); found != seen_.end()) return found->second;
    if (graph_.schemas_.size() >= limits_.schemas_max)
      return refuse(at, "", "more than {} subschemas", limits_.schemas_max);
    if (depth_ >= limits_.depth_max * 4) return refuse(at, "", "schemas nest too deep");
    const auto id = static_cast<SchemaId>(graph_.schemas_.size());
    graph_.schemas_.emplace_back();
    seen_.emplace(&json, id);
    ++depth_;
    Place place = at;
    if (const std::string own = own_id(json);
        !own.empty() && own.front() != '#' && !(draft_ <= 7 && json.contains("$ref"))) {
      place.base = joined(at.base, own);
      bases_.emplace(place.base.substr(0, place.base.find('#')), &json);
    }
    Schema result;
    result.pointer = at.pointer;
    MLXS_CHECKED(keywords(place, result));
    --depth_;
    graph_.schemas_[id] = std::move(result);
    return id;
  }

  std::string own_id(const Json& json) const {
    for (const char* keyword : {"$id", "id"}) {
      if (const auto found = json.find(keyword); found != json.end() && found->is_string())
        return found->get<std::string>();
    }
    return {};
  }

  SchemaId add(Schema schema) {
    graph_.schemas_.push_back(std::move(schema));
    return static_cast<SchemaId>(graph_.schemas_.size() - 1);
  }

  using Reader = Result<void> (SchemaReader::*)(const Place&, Schema&);
  struct Keyword {
    std::string_view name;
    Reader read;
  };

  Result<void> keywords(const Place& at, Schema& out) {
    static constexpr std::array kKeywords = {
        Keyword{"type", &SchemaReader::type},
        Keyword{"enum", &SchemaReader::enumeration},
        Keyword{"const", &SchemaReader::constant},
        Keyword{"$ref", &SchemaReader::reference},
        Keyword{"$dynamicRef", &SchemaReader::dynamic_reference},
        Keyword{"$recursiveRef", &SchemaReader::dynamic_reference},
        Keyword{"allOf", &SchemaReader::all_of},
        Keyword{"anyOf", &SchemaReader::any_of},
        Keyword{"oneOf", &SchemaReader::one_of},
        Keyword{"not", &SchemaReader::negation},
        Keyword{"if", &SchemaReader::conditional},
        Keyword{"pattern", &SchemaReader::pattern},
        Keyword{"format", &SchemaReader::format},
        Keyword{"minLength", &SchemaReader::length},
        Keyword{"maxLength", &SchemaReader::length},
        Keyword{"minimum", &SchemaReader::minimum},
        Keyword{"exclusiveMinimum", &SchemaReader::exclusive_minimum},
        Keyword{"maximum", &SchemaReader::maximum},
        Keyword{"exclusiveMaximum", &SchemaReader::exclusive_maximum},
        Keyword{"multipleOf", &SchemaReader::multiple_of},
        Keyword{"divisibleBy", &SchemaReader::old_keyword},
        Keyword{"prefixItems", &SchemaReader::prefix_items},
        Keyword{"items", &SchemaReader::items},
        Keyword{"minItems", &SchemaReader::counts},
        Keyword{"maxItems", &SchemaReader::counts},
        Keyword{"uniqueItems", &SchemaReader::unique_items},
        Keyword{"contains", &SchemaReader::contains},
        Keyword{"minContains", &SchemaReader::counts},
        Keyword{"maxContains", &SchemaReader::counts},
        Keyword{"properties", &SchemaReader::properties},
        Keyword{"patternProperties", &SchemaReader::pattern_properties},
        Keyword{"additionalProperties", &SchemaReader::additional_properties},
        Keyword{"required", &SchemaReader::required},
        Keyword{"minProperties", &SchemaReader::counts},
        Keyword{"maxProperties", &SchemaReader::counts},
        Keyword{"propertyNames", &SchemaReader::property_names},
        Keyword{"dependencies", &SchemaReader::dependencies},
        Keyword{"dependentRequired", &SchemaReader::dependencies},
        Keyword{"dependentSchemas", &SchemaReader::dependencies},
        Keyword{"unevaluatedProperties", &SchemaReader::unevaluated},
        Keyword{"unevaluatedItems", &SchemaReader::unevaluated},
    };
    if (draft_ <= 7 && at.json->contains("$ref")) return reference(at, out);
    if (at.json->contains("extends") && draft_ == 3) return refuse(at, "extends", "not supported");
    for (const auto& [name, value] : at.json->items()) {
      const auto found = std::ranges::find(kKeywords, std::string_view(name), &Keyword::name);
      graph_.notes_.push_back({at.pointer + "/" + escaped(name), effect(at, name, found != kKeywords.end())});
      if (found == kKeywords.end()) continue;
      keyword_ = name;
      MLXS_CHECKED((this->*found->read)(at, out));
    }
    return {};
  }

  static Result<uint8_t> kind_named(const Place& at, const Json& name) {
    static constexpr std::array<std::pair<std::string_view, uint8_t>, 8> kNames = {{{"null", kNull},
                                                                                    {"boolean", kBoolean},
                                                                                    {"integer", kNumber},
                                                                                    {"number", kNumber},
                                                                                    {"string", kString},
                                                                                    {"array", kArray},
                                                                                    {"object", kObject},
                                                                                    {"any", kAnyKind}}};
    if (name.is_string()) {
      for (const auto& [text, kind] : kNames) {
        if (text == name.get_ref<const std::string&>() && text != "any") return kind;
      }
    }
    return refuse(at, "type", "unknown type {}", to_text(name));
  }

  Result<void> type(const Place& at, Schema& out) {
    const Json& json = (*at.json)["type"];
    Json names = json.is_array() ? json : Json::array({json});
    uint8_t kinds = 0;
    bool any_number = false, integer = false;
    for (const Json& name : names) {
      MLXS_TRY(const uint8_t kind, kind_named(at, name));
      kinds |= kind;
      any_number = any_number || name == "number";
      integer = integer || name == "integer";
    }
    out.kinds &= kinds;
    if (integer && !any_number) {
      out.is_integer = out.has_number = true;
      out.number.integer = true;
    }
    return {};
  }

  // A composite constant is a schema that only it satisfies.
  SchemaId composite(const Json& value, const std::string& pointer) {
    Schema schema;
    schema.pointer = pointer;
    schema.kinds = kind_of(value);
    if (value.is_object()) {
      for (const auto& [key, member] : value.items()) {
        const SchemaId inner = equals(member, pointer);
        schema.properties.push_back({key, inner});
        schema.property_index[key] = inner;
        schema.required.push_back(key);
      }
      schema.additional = kFalseSchema;
    } else {
      for (const Json& item : value) schema.prefix_items.push_back(equals(item, pointer));
      schema.items = kFalseSchema;
      schema.min_items = static_cast<uint32_t>(value.size());
    }
    return add(std::move(schema));
  }

  SchemaId equals(const Json& value, const std::string& pointer) {
    if (value.is_structured()) return composite(value, pointer);
    Schema schema;
    schema.pointer = pointer;
    schema.kinds = kind_of(value);
    schema.has_enum = true;
    schema.enum_scalars.push_back(value);
    return add(std::move(schema));
  }

  Result<void> one_of_values(const Place& at, Schema& out, const Json& values) {
    std::vector<Json> scalars;
    InPlace choice{.kind = InPlace::Kind::any_of, .schemas = {}, .key = {}};
    uint8_t scalar_kinds = 0;
    for (const Json& value : values) {
      if (value.is_structured()) {
        choice.schemas.push_back(composite(value, at.pointer + "/" + keyword_));
      } else {
        scalars.push_back(value);
        scalar_kinds |= kind_of(value);
      }
    }
    if (choice.schemas.empty() && !out.has_enum) {
      out.kinds &= scalar_kinds;
      out.has_enum = true;
      out.enum_scalars = std::move(scalars);
      return {};
    }
    Schema plain;
    plain.pointer = at.pointer + "/" + keyword_;
    plain.kinds = scalar_kinds;
    plain.has_enum = true;
    plain.enum_scalars = std::move(scalars);
    choice.schemas.push_back(add(std::move(plain)));
    out.in_place.push_back(std::move(choice));
    return {};
  }

  Result<void> enumeration(const Place& at, Schema& out) {
    const Json& json = (*at.json)["enum"];
    if (!json.is_array()) return refuse(at, "enum", "must be an array");
    return one_of_values(at, out, json);
  }

  Result<void> constant(const Place& at, Schema& out) {
    return one_of_values(at, out, Json::array({(*at.json)["const"]}));
  }

  const Json* follow(const Json* from, std::string_view pointer, std::string& base) const {
    while (!pointer.empty()) {
      const size_t end = pointer.find('/', 1);
      std::string key;
      const std::string raw = percent_decoded(pointer.substr(1, end == std::string_view::npos ? end : end - 1));
      for (size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '~' && i + 1 < raw.size()) {
          key += raw[++i] == '1' ? '/' : '~';
        } else {
          key += raw[i];
        }
      }
      if (from->is_object()) {
        const auto found = from->find(key);
        if (found == from->end()) return nullptr;
        from = &*found;
        if (from->is_object()) {
          if (const std::string own = own_id(*from); !own.empty() && own.front() != '#') base = joined(base, own);
        }
      } else if (from->is_array() && !key.empty() && key.size() < 7 &&
                 std::ranges::all_of(key, [](char c) { return c >= '0' && c <= '9'; })) {
        const size_t index = static_cast<size_t>(std::stoul(key));
        if (index >= from->size()) return nullptr;
        from = &(*from)[index];
      } else {
        return nullptr;
      }
      pointer = end == std::string_view::npos ? std::string_view() : pointer.substr(end);
    }
    return from;
  }

  // Every identifier and anchor of the document, found once where a reference needs them.
  void index(const Json& json, std::string base, int depth) {
    if (depth > limits_.depth_max * 2) return;
    if (json.is_array()) {
      for (const Json& item : json) index(item, base, depth + 1);
      return;
    }
    if (!json.is_object()) return;
    if (const std::string own = own_id(json); !own.empty()) {
      const std::string uri = joined(base, own);
      if (own.front() == '#') {
        anchors_.emplace(uri, &json);
      } else {
        base = uri.substr(0, uri.find('#'));
        bases_.emplace(base, &json);
      }
    }
    for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
      if (const auto found = json.find(keyword); found != json.end() && found->is_string()) {
        anchors_.emplace(base + "#" + found->get<std::string>(), &json);
      }
    }
    for (const auto& [key, value] : json.items()) {
      if (key != "enum" && key != "const") index(value, base, depth + 1);
    }
  }

  Result<SchemaId> resolved(const Place& at, const std::string& ref) {
    std::string absolute = joined(at.base, ref);
    const size_t hash = absolute.find('#');
    const std::string resource = absolute.substr(0, hash);
    const std::string fragment = hash == std::string::npos ? std::string() : absolute.substr(hash + 1);
    if (!is_indexed_ && (!resource.empty() || (!fragment.empty() && fragment.front() != '/'))) {
      index(document_, "", 0);
      is_indexed_ = true;
    }
    const Json* target = nullptr;
    std::string base = resource;
    if (const auto found = bases_.find(resource); found != bases_.end()) {
      if (fragment.empty() || fragment.front() == '/') {
        target = follow(found->second, fragment, base);
      } else if (const auto anchor = anchors_.find(resource + "#" + percent_decoded(fragment));
                 anchor != anchors_.end()) {
        target = anchor->second;
      }
    } else {
      return refuse(at, keyword_, "{} is outside this document, and nothing is fetched", ref);
    }
    if (target == nullptr) return refuse(at, keyword_, "{} is not in this document", ref);
    return schema({.json = target,
                   .pointer = fragment.empty() || fragment.front() == '/' ? fragment : "#" + fragment,
                   .base = base});
  }

  Result<void> reference(const Place& at, Schema& out) {
    keyword_ = "$ref";
    const Json& json = (*at.json)["$ref"];
    if (!json.is_string()) return refuse(at, "$ref", "must be a string");
    MLXS_TRY(const SchemaId target, resolved(at, json.get<std::string>()));
    out.in_place.push_back({.kind = InPlace::Kind::all_of, .schemas = {target}, .key = {}});
    return {};
  }

  Result<void> dynamic_reference(const Place& at, Schema& out) {
    const std::string keyword = keyword_;
    const Json& json = (*at.json)[keyword];
    if (!json.is_string()) return refuse(at, keyword, "must be a string");
    if (!is_indexed_) {
      index(document_, "", 0);
      is_indexed_ = true;
    }
    // In a document of one resource a dynamic reference is a plain one.
    if (bases_.size() > 2) return refuse(at, keyword, "not supported across several identified schemas");
    MLXS_TRY(const SchemaId target, resolved(at, json.get<std::string>()));
    out.in_place.push_back({.kind = InPlace::Kind::all_of, .schemas = {target}, .key = {}});
    return {};
  }

  Result<void> branches(const Place& at, Schema& out, InPlace::Kind kind) {
    const std::string keyword = keyword_;
    const Json& json = (*at.json)[keyword];
    if (!json.is_array()) return refuse(at, keyword, "must be an array of schemas");
    InPlace result{.kind = kind, .schemas = {}, .key = {}};
    const Place list = at.child(keyword);
    for (size_t i = 0; i < json.size(); ++i) {
      MLXS_TRY(const SchemaId branch, schema(list.child(i)));
      result.schemas.push_back(branch);
    }
    out.in_place.push_back(std::move(result));
    return {};
  }
  Result<void> all_of(const Place& at, Schema& out) { return branches(at, out, InPlace::Kind::all_of); }
  Result<void> any_of(const Place& at, Schema& out) { return branches(at, out, InPlace::Kind::any_of); }
  Result<void> one_of(const Place& at, Schema& out) { return branches(at, out, InPlace::Kind::one_of); }

  Result<void> negation(const Place& at, Schema& out) {
    MLXS_TRY(const SchemaId inner, schema(at.child("not")));
    out.in_place.push_back({.kind = InPlace::Kind::negate, .schemas = {inner}, .key = {}});
    return {};
  }

  Result<void> conditional(const Place& at, Schema& out) {
    if (draft_ < 7) return {};
    InPlace result{.kind = InPlace::Kind::conditional, .schemas = {}, .key = {}};
    for (const char* keyword : {"if", "then", "else"}) {
      SchemaId part = kTrueSchema;
      if (at.json->contains(keyword)) {
        MLXS_TRY(part, schema(at.child(keyword)));
      }
      result.schemas.push_back(part);
    }
    if (result.schemas[1] == kTrueSchema && result.schemas[2] == kTrueSchema) return {};
    out.in_place.push_back(std::move(result));
    return {};
  }

  std::string effect(const Place& at, const std::string& name, bool is_known) const {
    if (!is_known) return "no effect";
    const Json& json = (*at.json)[name];
    if (name == "format" && json.is_string() && !format_pattern(json.get_ref<const std::string&>()))
      return "no effect: the format is not known";
    return "enforced";
  }

  void add_string(Schema& out, RegexId content) {
    out.string_content = pool_.all_of({out.string_content, content});
    out.has_string_content = true;
  }

  Result<void> pattern(const Place& at, Schema& out) {
    const Json& json = (*at.json)["pattern"];
    if (!json.is_string()) return refuse(at, "pattern", "must be a string");
    auto content = parse_pattern(pool_, json.get_ref<const std::string&>(), {.spelling = Spelling::json_string});
    if (!content) return refuse(at, "pattern", "{}", content.error().message);
    add_string(out, *content);
    return {};
  }

  Result<void> format(const Place& at, Schema& out) {
    const Json& json = (*at.json)["format"];
    if (!json.is_string()) return refuse(at, "format", "must be a string");
    const auto found = format_pattern(json.get_ref<const std::string&>());
    if (!found) return {};
    MLXS_TRY(const RegexId content,
             parse_pattern(pool_, *found, {.spelling = Spelling::json_string, .is_search = false}));
    add_string(out, content);
    return {};
  }

  Result<uint32_t> count(const Place& at, const std::string& keyword) {
    const Json& json = (*at.json)[keyword];
    if (json.is_number()) {
      if (const auto value = parse_decimal(to_text(json)); value && !value->negative && value->is_integer()) {
        return value->whole.size() > 9 ? kUnbounded : static_cast<uint32_t>(std::stoul(value->whole));
      }
    }
    return refuse(at, keyword, "must be a whole number of at least 0, got {}", to_text(json));
  }

  Result<void> length(const Place& at, Schema& out) {
    const std::string keyword = keyword_;
    if (keyword == "maxLength" && at.json->contains("minLength")) return {};  // both at once
    uint32_t min = 0, max = kUnbounded;
    if (at.json->contains("minLength")) {
      MLXS_TRY(min, count(at, "minLength"));
    }
    if (at.json->contains("maxLength")) {
      MLXS_TRY(max, count(at, "maxLength"));
    }
    if (min == 0 && max == kUnbounded) return {};
    add_string(out, min > max ? kNothing : pool_.repeat(spell(pool_, CharSet::all(), Spelling::json_string), min, max));
    return {};
  }

  Result<Decimal> decimal(const Place& at, const std::string& keyword) {
    const Json& json = (*at.json)[keyword];
    if (json.is_number()) {
      if (auto value = parse_decimal(to_text(json))) return *std::move(value);
    }
    return refuse(at, keyword, "must be a number of at most {} digits, got {}", kDecimalDigitsMax, to_text(json));
  }

  static void raise_min(NumberSpec& spec, Decimal value, bool excluded) {
    const int order = spec.min ? compare(value, *spec.min) : 1;
    if (order < 0) return;
    spec.min_excluded = order > 0 ? excluded : spec.min_excluded || excluded;
    spec.min = std::move(value);
  }
  static void lower_max(NumberSpec& spec, Decimal value, bool excluded) {
    const int order = spec.max ? compare(value, *spec.max) : -1;
    if (order > 0) return;
    spec.max_excluded = order < 0 ? excluded : spec.max_excluded || excluded;
    spec.max = std::move(value);
  }
  // Draft 4 has exclusiveMinimum as a flag beside minimum.
  static bool is_flag(const Place& at, const char* keyword) {
    return at.json->contains(keyword) && (*at.json)[keyword].is_boolean() && (*at.json)[keyword].get<bool>();
  }

  Result<void> minimum(const Place& at, Schema& out) {
    MLXS_TRY(auto value, decimal(at, "minimum"));
    raise_min(out.number, std::move(value), is_flag(at, "exclusiveMinimum"));
    out.has_number = true;
    return {};
  }
  Result<void> maximum(const Place& at, Schema& out) {
    MLXS_TRY(auto value, decimal(at, "maximum"));
    lower_max(out.number, std::move(value), is_flag(at, "exclusiveMaximum"));
    out.has_number = true;
    return {};
  }
  Result<void> exclusive_minimum(const Place& at, Schema& out) {
    if ((*at.json)["exclusiveMinimum"].is_boolean()) return {};
    MLXS_TRY(auto value, decimal(at, "exclusiveMinimum"));
    raise_min(out.number, std::move(value), true);
    out.has_number = true;
    return {};
  }
  Result<void> exclusive_maximum(const Place& at, Schema& out) {
    if ((*at.json)["exclusiveMaximum"].is_boolean()) return {};
    MLXS_TRY(auto value, decimal(at, "exclusiveMaximum"));
    lower_max(out.number, std::move(value), true);
    out.has_number = true;
    return {};
  }

  Result<void> multiple_of(const Place& at, Schema& out) {
    MLXS_TRY(const auto value, decimal(at, "multipleOf"));
    if (!set_divisor(out.number, value))
      return refuse(at, "multipleOf", "must be positive with at most 17 digits, got {}", value.text());
    out.has_number = true;
    return {};
  }

  Result<void> old_keyword(const Place& at, Schema&) {
    if (draft_ > 3) return {};
    return refuse(at, keyword_, "not supported");
  }

  Result<void> item_list(const Place& at, const std::string& keyword, Schema& out) {
    const Json& json = (*at.json)[keyword];
    if (!json.is_array()) return refuse(at, keyword, "must be an array of schemas");
    const Place list = at.child(keyword);
    for (size_t i = 0; i < json.size(); ++i) {
      MLXS_TRY(const SchemaId item, schema(list.child(i)));
      out.prefix_items.push_back(item);
    }
    return {};
  }
  Result<void> prefix_items(const Place& at, Schema& out) {
    return draft_ < 2020 ? Result<void>() : item_list(at, "prefixItems", out);
  }
  Result<void> items(const Place& at, Schema& out) {
    if (!(*at.json)["items"].is_array()) {
      MLXS_TRY(out.items, schema(at.child("items")));
      return {};
    }
    MLXS_CHECKED(item_list(at, "items", out));
    if (at.json->contains("additionalItems")) {
      MLXS_TRY(out.items, schema(at.child("additionalItems")));
    }
    return {};
  }
  Result<void> contains(const Place& at, Schema& out) {
    if (draft_ < 6) return {};
    MLXS_TRY(out.contains, schema(at.child("contains")));
    return {};
  }
  Result<void> unique_items(const Place& at, Schema& out) {
    const Json& json = (*at.json)["uniqueItems"];
    if (!json.is_boolean()) return refuse(at, "uniqueItems", "must be a boolean");
    out.unique_items = json.get<bool>();
    return {};
  }

  Result<void> counts(const Place& at, Schema& out) {
    const std::string keyword = keyword_;
    if (draft_ < 2019 && keyword.ends_with("Contains")) return {};
    MLXS_TRY(const uint32_t value, count(at, keyword));
    if (keyword == "minItems") out.min_items = std::max(out.min_items, value);
    if (keyword == "maxItems") out.max_items = value;
    if (keyword == "minContains") out.min_contains = value;
    if (keyword == "maxContains") out.max_contains = value;
    if (keyword == "minProperties") out.min_properties = value;
    if (keyword == "maxProperties") out.max_properties = value;
    return {};
  }

  Result<void> properties(const Place& at, Schema& out) {
    const Json& json = (*at.json)["properties"];
    if (!json.is_object()) return refuse(at, "properties", "must be an object");
    out.properties_after_in_place = !out.in_place.empty();
    const std::string pointer = at.pointer + "/properties/";
    for (const auto& [name, value] : json.items()) {
      MLXS_TRY(const SchemaId inner, schema({.json = &value, .pointer = pointer + escaped(name), .base = at.base}));
      out.properties.push_back({name, inner});
      out.property_index.emplace(name, inner);
    }
    return {};
  }

  Result<void> pattern_properties(const Place& at, Schema& out) {
    const Json& json = (*at.json)["patternProperties"];
    if (!json.is_object()) return refuse(at, "patternProperties", "must be an object");
    const Place list = at.child("patternProperties");
    for (const auto& [name, value] : json.items()) {
      auto key = parse_pattern(pool_, name, {.spelling = Spelling::json_string});
      if (!key) return refuse(list, escaped(name), "{}", key.error().message);
      MLXS_TRY(const SchemaId inner,
               schema({.json = &value, .pointer = list.pointer + "/" + escaped(name), .base = at.base}));
      out.pattern_properties.push_back({.key = *key, .pattern = name, .schema = inner});
    }
    return {};
  }

  Result<void> additional_properties(const Place& at, Schema& out) {
    MLXS_TRY(out.additional, schema(at.child("additionalProperties")));
    return {};
  }

  Result<std::vector<std::string>> names(const Place& at, const std::string& keyword, const Json& json) {
    std::vector<std::string> result;
    if (!json.is_array()) return refuse(at, keyword, "must be an array of strings, got {}", to_text(json));
    for (const Json& name : json) {
      if (!name.is_string()) return refuse(at, keyword, "must be an array of strings");
      if (std::ranges::find(result, name.get_ref<const std::string&>()) == result.end())
        result.push_back(name.get<std::string>());
    }
    return result;
  }

  Result<void> required(const Place& at, Schema& out) {
    MLXS_TRY(out.required, names(at, "required", (*at.json)["required"]));
    return {};
  }

  Result<void> property_names(const Place& at, Schema& out) {
    if (draft_ < 6) return {};
    MLXS_TRY(out.property_names, schema(at.child("propertyNames")));
    return {};
  }

  Result<void> dependencies(const Place& at, Schema& out) {
    const std::string keyword = keyword_;
    const Json& json = (*at.json)[keyword];
    if (!json.is_object()) return refuse(at, keyword, "must be an object");
    const Place list = at.child(keyword);
    for (const auto& [name, value] : json.items()) {
      if (value.is_array() || value.is_string()) {
        const Json wanted = value.is_array() ? value : Json::array({value});
        MLXS_TRY(auto required, names(list, escaped(name), wanted));
        out.dependent_required.emplace_back(name, std::move(required));
        continue;
      }
      MLXS_TRY(const SchemaId inner,
               schema({.json = &value, .pointer = list.pointer + "/" + escaped(name), .base = at.base}));
      out.in_place.push_back({.kind = InPlace::Kind::when_present, .schemas = {inner}, .key = name});
    }
    return {};
  }

  // Where no other keyword judges the same value, what is not evaluated is what is additional.
  Result<void> unevaluated(const Place& at, Schema& out) {
    const std::string keyword = keyword_;
    if (draft_ < 2019) return {};
    if ((*at.json)[keyword] == true) return {};
    for (const char* other : {"$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if",
                              "dependentSchemas", "dependencies"}) {
      if (at.json->contains(other)) return refuse(at, keyword, "not supported beside {}", other);
    }
    if (keyword == "unevaluatedItems") {
      if (at.json->contains("contains")) return refuse(at, keyword, "not supported beside contains");
      if (!at.json->contains("items") || ((*at.json)["items"].is_array() && !at.json->contains("additionalItems"))) {
        MLXS_TRY(out.items, schema(at.child(keyword)));
      }
    } else if (!at.json->contains("additionalProperties")) {
      MLXS_TRY(out.additional, schema(at.child(keyword)));
    }
    return {};
  }

  SchemaGraph& graph_;
  const Json& document_;
  RegexPool& pool_;
  const SchemaLimits& limits_;
  int draft_ = 2020;
  int depth_ = 0;
  std::string keyword_;
  std::unordered_map<const Json*, SchemaId> seen_;
  std::unordered_map<std::string, const Json*> bases_, anchors_;
  bool is_indexed_ = false;
};

Result<SchemaGraph> SchemaGraph::parse(std::string_view text, RegexPool& pool, const SchemaLimits& limits) {
  MLXS_TRY(const Json document,
           parse_json(text, "schema", {.bytes_max = limits.bytes_max, .depth_max = limits.depth_max}));
  SchemaGraph graph;
  SchemaReader reader(graph, document, pool, limits);
  MLXS_CHECKED(reader.read());
  return graph;
}

}  // namespace mlxserving::grammar
