#include "grammar/json_plan.h"

#include <algorithm>

#include "grammar/char_set.h"

namespace mlxserving::grammar {
namespace {

using Kind = InPlace::Kind;

constexpr uint32_t kDoubleDigits = 16;

bool constrains_numbers(const Schema& schema) {
  if (schema.has_number) return true;
  return std::ranges::any_of(schema.enum_scalars, [](const Json& value) { return value.is_number(); });
}

}  // namespace

JsonText::JsonText(RegexPool& pool) {
  const RegexId digit = pool.bytes(ByteSet::range('0', '9'));
  const RegexId nonzero = pool.bytes(ByteSet::range('1', '9'));
  const RegexId sign = pool.optional(pool.literal("-"));
  // Numbers end: a model that likes digits must not write them for ever.
  const RegexId whole = pool.any_of({pool.literal("0"), pool.concat(nonzero, pool.repeat(digit, 0, 29))});
  const RegexId fraction = pool.concat(pool.literal("."), pool.repeat(digit, 1, 30));
  // With the digits above no number leaves the range of a double.
  const RegexId power = pool.any_of({pool.repeat(digit, 1, 2), pool.concat({pool.literal("1"), digit, digit})});
  const RegexId exponent =
      pool.concat({pool.bytes(ByteSet::of("eE")), pool.optional(pool.bytes(ByteSet::of("+-"))), power});
  character = spell(pool, CharSet::all(), Spelling::json_string);
  characters = pool.repeat(character, 0, kUnbounded);
  string = pool.concat({pool.literal("\""), characters, pool.literal("\"")});
  integer = pool.concat(sign, whole);
  fixed_number = pool.concat(integer, pool.optional(fraction));
  // Whole numbers and others are told apart, by readers too that keep a number as a double: with at most 16 digits none
  // that has a fraction is rounded to a whole one.
  std::vector<RegexId> numbers{whole};
  for (uint32_t digits = 1; digits < kDoubleDigits; ++digits) {
    const RegexId before = digits == 1 ? pool.bytes(ByteSet::range('0', '9'))
                                       : pool.concat(nonzero, pool.repeat(digit, digits - 1, digits - 1));
    const RegexId after = pool.concat(pool.repeat(digit, 0, kDoubleDigits - digits - 1), nonzero);
    numbers.push_back(pool.concat({before, pool.literal("."), after}));
  }
  canonical_number = pool.concat(sign, pool.any_of(std::move(numbers)));
  number = pool.concat(fixed_number, pool.optional(exponent));
}

JsonPlans::JsonPlans(const SchemaGraph& graph, RegexPool& pool) : graph_(graph), pool_(pool), text_(pool) {}

PlanId JsonPlans::plan_of(std::vector<SchemaId> obligations) {
  std::ranges::sort(obligations);
  obligations.erase(std::ranges::unique(obligations).begin(), obligations.end());
  std::erase(obligations, kTrueSchema);
  const std::string key(reinterpret_cast<const char*>(obligations.data()), obligations.size() * sizeof(SchemaId));
  if (const auto found = index_.find(key); found != index_.end()) return found->second;
  exhausted_ = exhausted_ || plans_.size() >= kPlansMax;
  auto plan = std::make_unique<Plan>();
  plan->obligations = std::move(obligations);
  std::unordered_map<SchemaId, TrackIndex> seen;
  for (const SchemaId schema : plan->obligations) plan->roots.push_back(add_track(*plan, schema, seen));
  for (TrackIndex i = 0; i < plan->tracks.size(); ++i) {
    const Schema& schema = graph_[plan->tracks[i].schema];
    plan->has_number = plan->has_number || constrains_numbers(schema);
    plan->has_integer = plan->has_integer || schema.is_integer;
    plan->has_unique = plan->has_unique || schema.unique_items;
    plan->item_kinds = std::max(plan->item_kinds, static_cast<uint32_t>(schema.prefix_items.size()));
    plan->count_max =
        std::max({plan->count_max, schema.min_items, schema.max_items == kUnbounded ? 0 : schema.max_items + 1});
    if (schema.contains) plan->contains.push_back(i);
    for (const Track::Rule& rule : plan->tracks[i].rules)
      plan->is_conjunction = plan->is_conjunction && rule.kind == Kind::all_of;
  }
  plan->count_max = std::max(plan->count_max, plan->item_kinds);
  const RegexId numbers = numbers_of(*plan);
  std::vector<RegexId> all;
  for (const SchemaId schema : plan->obligations) all.push_back(scalars(schema, numbers));
  if (all.empty()) all.push_back(universe(numbers));
  plan->all_scalars = pool_.all_of(std::move(all));
  plans_.push_back(std::move(plan));
  const auto id = static_cast<PlanId>(plans_.size() - 1);
  index_.emplace(key, id);
  return id;
}

// Cycles were refused when the schema was compiled.
TrackIndex JsonPlans::add_track(Plan& plan, SchemaId id, std::unordered_map<SchemaId, TrackIndex>& seen) {
  if (const auto found = seen.find(id); found != seen.end()) return found->second;
  Track track{.schema = id, .rules = {}};
  for (const InPlace& in_place : graph_[id].in_place) {
    Track::Rule rule{.kind = in_place.kind, .tracks = {}, .key = in_place.key};
    for (const SchemaId part : in_place.schemas) rule.tracks.push_back(add_track(plan, part, seen));
    track.rules.push_back(std::move(rule));
  }
  plan.tracks.push_back(std::move(track));
  const auto index = static_cast<TrackIndex>(plan.tracks.size() - 1);
  seen.emplace(id, index);
  return index;
}

// Where a number's value matters it has one notation less: without an exponent its digits tell the value as they come,
// and where whole numbers are told from others 1.0 is not written at all.
RegexId JsonPlans::numbers_of(const Plan& plan) const {
  return plan.has_integer ? text_.canonical_number : plan.has_number ? text_.fixed_number : text_.number;
}

RegexId JsonPlans::universe(RegexId numbers) {
  return pool_.any_of({text_.string, numbers, pool_.literal("true"), pool_.literal("false"), pool_.literal("null")});
}

RegexId JsonPlans::equal_number(const Json& value, RegexId numbers) {
  const auto decimal = parse_decimal(to_text(value));
  if (!decimal) return kNothing;
  NumberSpec spec;
  spec.min = spec.max = *decimal;
  return pool_.all_of({numbers, pool_.number(spec)});
}

RegexId JsonPlans::own_scalars(const Schema& schema, RegexId numbers) {
  std::vector<RegexId> parts;
  if ((schema.kinds & kString) != 0) {
    const bool is_any = !schema.has_string_content;
    parts.push_back(is_any ? text_.string
                           : pool_.concat({pool_.literal("\""), schema.string_content, pool_.literal("\"")}));
  }
  if ((schema.kinds & kNumber) != 0) {
    const NumberSpec& spec = schema.number;
    const bool is_bounded = spec.min || spec.max || spec.divisor != 0;
    const RegexId base = schema.is_integer ? text_.integer : numbers;
    parts.push_back(is_bounded ? pool_.all_of({base, pool_.number(spec)}) : base);
  }
  if ((schema.kinds & kBoolean) != 0) parts.insert(parts.end(), {pool_.literal("true"), pool_.literal("false")});
  if ((schema.kinds & kNull) != 0) parts.push_back(pool_.literal("null"));
  const RegexId own = pool_.any_of(std::move(parts));
  if (!schema.has_enum) return own;
  std::vector<RegexId> values, literals;
  for (const Json& value : schema.enum_scalars) {
    if (value.is_number()) {
      values.push_back(pool_.all_of({own, equal_number(value, numbers)}));
    } else {
      const std::string text = value.is_string()
                                   ? "\"" + spell(value.get_ref<const std::string&>(), Spelling::json_string) + "\""
                                   : to_text(value);
      if (pool_.matches(own, text)) literals.push_back(pool_.literal(text));
    }
  }
  values.push_back(pool_.any_of(std::move(literals)));
  return pool_.any_of(std::move(values));
}

RegexId JsonPlans::scalars(SchemaId id, RegexId numbers) {
  if (id == kFalseSchema) return kNothing;
  if (id == kTrueSchema) return universe(numbers);
  const uint64_t key = (uint64_t{id} << 32) | numbers;
  if (const auto found = scalars_.find(key); found != scalars_.end()) return found->second;
  const Schema& schema = graph_[id];
  const RegexId all = universe(numbers);
  const auto both = [&](RegexId a, RegexId b) { return a == all ? b : b == all ? a : pool_.all_of({a, b}); };
  const auto without = [&](RegexId a) { return a == all ? kNothing : a == kNothing ? all : pool_.minus(all, a); };
  RegexId result = own_scalars(schema, numbers);
  for (const InPlace& in_place : schema.in_place) {
    std::vector<RegexId> parts;
    parts.reserve(in_place.schemas.size());
    for (const SchemaId part : in_place.schemas) parts.push_back(scalars(part, numbers));
    switch (in_place.kind) {
      case Kind::all_of:
        for (const RegexId part : parts) result = both(result, part);
        break;
      case Kind::any_of:
        result = both(result, std::ranges::find(parts, all) != parts.end() ? all : pool_.any_of(std::move(parts)));
        break;
      case Kind::one_of: {
        RegexId none = all, one = kNothing;
        for (const RegexId part : parts) {
          one = pool_.any_of({both(one, without(part)), both(none, part)});
          none = both(none, without(part));
        }
        result = both(result, one);
        break;
      }
      case Kind::negate: result = both(result, without(parts[0])); break;
      case Kind::conditional:
        result = both(result, pool_.any_of({both(parts[0], parts[1]), both(without(parts[0]), parts[2])}));
        break;
      case Kind::when_present: break;
    }
  }
  if (pool_.is_empty(result)) result = kNothing;
  scalars_.emplace(key, result);
  return result;
}

const std::vector<ScalarClass>& JsonPlans::classes(Plan& plan) {
  if (plan.has_classes) return plan.classes;
  plan.has_classes = true;
  const RegexId numbers = numbers_of(plan);
  const RegexId all = universe(numbers);
  plan.classes.push_back({.text = all, .verdicts = {}});
  for (const SchemaId schema : plan.obligations) {
    const RegexId language = scalars(schema, numbers);
    std::vector<ScalarClass> split;
    for (ScalarClass& part : plan.classes) {
      const RegexId in = part.text == all ? language : pool_.all_of({part.text, language});
      const RegexId out = language == kNothing ? part.text : pool_.minus(part.text, language);
      for (const auto& [text, verdict] : {std::pair{in, Tri::yes}, std::pair{out, Tri::no}}) {
        if (pool_.is_empty(text)) continue;
        split.push_back({.text = text, .verdicts = part.verdicts});
        split.back().verdicts.push_back(verdict);
      }
    }
    plan.classes = std::move(split);
    if (plan.classes.size() > kClassesMax) {
      exhausted_ = true;
      plan.classes.resize(kClassesMax);
    }
  }
  return plan.classes;
}

void JsonPlans::for_key(const Schema& schema, const std::string& key, std::vector<SchemaId>& out) {
  bool is_named = false;
  if (const auto found = schema.property_index.find(key); found != schema.property_index.end()) {
    out.push_back(found->second);
    is_named = true;
  }
  if (!schema.pattern_properties.empty()) {
    const std::string spelled = spell(key, Spelling::json_string);
    for (const PatternProperty& pattern : schema.pattern_properties) {
      if (!pool_.matches(pattern.key, spelled)) continue;
      out.push_back(pattern.schema);
      is_named = true;
    }
  }
  if (!is_named) out.push_back(schema.additional);
  if (schema.property_names) {
    const std::string literal = "\"" + spell(key, Spelling::json_string) + "\"";
    if (!pool_.matches(scalars(*schema.property_names, text_.number), literal)) out.push_back(kFalseSchema);
  }
}

void JsonPlans::for_extra(const Schema& schema, const ExtraKeys& keys, std::vector<SchemaId>& out) const {
  bool is_named = false;
  for (const PatternProperty& pattern : schema.pattern_properties) {
    if (std::ranges::find(keys.patterns, pattern.key) == keys.patterns.end()) continue;
    out.push_back(pattern.schema);
    is_named = true;
  }
  if (!is_named) out.push_back(schema.additional);
  if (schema.property_names && std::ranges::find(keys.names, *schema.property_names) == keys.names.end())
    out.push_back(kFalseSchema);
}

// Properties as their schemas list them, then keys that are only required, then those that others depend on.
void JsonPlans::list_keys(const Plan& plan, ObjectPlan& object) const {
  const auto add = [&](const std::string& key) {
    if (object.index.emplace(key, static_cast<uint32_t>(object.keys.size())).second) object.keys.push_back(key);
  };
  const auto visit = [&](const auto& self, TrackIndex index, std::vector<bool>& seen) -> void {
    if (seen[index]) return;
    seen[index] = true;
    const Track& track = plan.tracks[index];
    const Schema& schema = graph_[track.schema];
    const auto own = [&] {
      for (const Property& property : schema.properties) add(property.name);
    };
    if (!schema.properties_after_in_place) own();
    for (const Track::Rule& rule : track.rules) {
      for (const TrackIndex inner : rule.tracks) self(self, inner, seen);
    }
    if (schema.properties_after_in_place) own();
  };
  std::vector<bool> seen(plan.tracks.size(), false);
  for (const TrackIndex root : plan.roots) visit(visit, root, seen);
  for (size_t i = plan.tracks.size(); i-- > 0;) {
    for (const std::string& key : graph_[plan.tracks[i].schema].required) add(key);
  }
  for (const Track& track : plan.tracks) {
    for (const auto& [key, wanted] : graph_[track.schema].dependent_required) {
      add(key);
      for (const std::string& other : wanted) add(other);
    }
    for (const Track::Rule& rule : track.rules) {
      if (rule.kind == Kind::when_present) add(rule.key);
    }
  }
}

void JsonPlans::note_requirements(const Plan& plan, ObjectPlan& object) {
  object.required_by.resize(object.keys.size());
  object.watched.resize(object.keys.size(), false);
  object.allowed.resize(object.keys.size(), Tri::open);
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    const Schema& schema = graph_[plan.tracks[t].schema];
    std::vector<uint32_t> settling;
    const bool is_open = schema.additional != kTrueSchema || !schema.pattern_properties.empty() ||
                         schema.property_names || !schema.dependent_required.empty() ||
                         schema.max_properties != kUnbounded;
    for (const std::string& key : schema.required) {
      object.required_by[object.index[key]].push_back(t);
      settling.push_back(object.index[key]);
    }
    for (const Property& property : schema.properties) {
      if (property.schema != kTrueSchema) settling.push_back(object.index[property.name]);
    }
    for (const auto& [key, wanted] : schema.dependent_required) {
      object.watched[object.index[key]] = true;
      for (const std::string& other : wanted) object.watched[object.index[other]] = true;
    }
    for (const Track::Rule& rule : plan.tracks[t].rules) {
      if (rule.kind == Kind::when_present) object.watched[object.index[rule.key]] = true;
    }
    object.settled_from.push_back(is_open            ? UINT32_MAX
                                  : settling.empty() ? 0
                                                     : *std::ranges::max_element(settling) + 1);
    object.settling.push_back(std::move(settling));
    object.count_max = std::max(
        {object.count_max, schema.min_properties, schema.max_properties == kUnbounded ? 0 : schema.max_properties + 1});
  }
}

void JsonPlans::split_extras(const Plan& plan, ObjectPlan& object) {
  for (const std::string& key : object.keys)
    object.literals.push_back(pool_.literal("\"" + spell(key, Spelling::json_string) + "\""));
  const RegexId others =
      object.literals.empty() ? text_.string : pool_.minus(text_.string, pool_.any_of(object.literals));
  object.extras.push_back({.literal = others, .patterns = {}, .names = {}});
  const auto split = [&](RegexId language, const auto& note) {
    std::vector<ExtraKeys> next;
    for (const ExtraKeys& part : object.extras) {
      ExtraKeys in = part, out = part;
      in.literal = pool_.all_of({part.literal, language});
      out.literal = pool_.minus(part.literal, language);
      note(in);
      if (!pool_.is_empty(in.literal)) next.push_back(std::move(in));
      if (!pool_.is_empty(out.literal)) next.push_back(std::move(out));
    }
    object.extras = std::move(next);
    if (object.extras.size() > kClassesMax) {
      exhausted_ = true;
      object.extras.resize(kClassesMax);
    }
  };
  std::vector<RegexId> patterns;
  std::vector<SchemaId> names;
  for (const Track& track : plan.tracks) {
    const Schema& schema = graph_[track.schema];
    for (const PatternProperty& pattern : schema.pattern_properties) patterns.push_back(pattern.key);
    if (schema.property_names) names.push_back(*schema.property_names);
  }
  std::ranges::sort(patterns);
  patterns.erase(std::ranges::unique(patterns).begin(), patterns.end());
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  for (const RegexId pattern : patterns) {
    split(pool_.concat({pool_.literal("\""), pattern, pool_.literal("\"")}),
          [&](ExtraKeys& in) { in.patterns.push_back(pattern); });
  }
  for (const SchemaId name : names)
    split(scalars(name, text_.number), [&](ExtraKeys& in) { in.names.push_back(name); });
}

ObjectPlan& JsonPlans::object(Plan& plan) {
  if (!plan.object) {
    auto object = std::make_unique<ObjectPlan>();
    list_keys(plan, *object);
    note_requirements(plan, *object);
    split_extras(plan, *object);
    plan.object = std::move(object);
  }
  return *plan.object;
}

bool JsonPlans::may_have_kind(const Plan& plan, uint8_t kind) const {
  std::vector<Tri> verdicts;
  verdicts.reserve(plan.tracks.size());
  for (const Track& track : plan.tracks) {
    verdicts.push_back(track.schema == kTrueSchema                ? Tri::yes
                       : (graph_[track.schema].kinds & kind) != 0 ? Tri::open
                                                                  : Tri::no);
  }
  judge(plan, verdicts, [](const std::string&) { return Tri::open; });
  return std::ranges::all_of(plan.roots, [&](TrackIndex root) { return verdicts[root] != Tri::no; });
}

bool JsonPlans::can_be_object(Plan& plan) {
  if (!may_have_kind(plan, kObject)) return false;
  if (!plan.is_conjunction) return true;
  uint32_t max = kUnbounded, min = 0;
  std::vector<std::string> required;
  for (const Track& track : plan.tracks) {
    const Schema& schema = graph_[track.schema];
    max = std::min(max, schema.max_properties);
    min = std::max(min, schema.min_properties);
    required.insert(required.end(), schema.required.begin(), schema.required.end());
  }
  std::ranges::sort(required);
  required.erase(std::ranges::unique(required).begin(), required.end());
  if (min > max || required.size() > max) return false;
  for (const std::string& key : required) {
    std::vector<SchemaId> obligations;
    for (const Track& track : plan.tracks) for_key(graph_[track.schema], key, obligations);
    if (std::ranges::find(obligations, kFalseSchema) != obligations.end()) return false;
    if (!is_satisfiable(plan_of(std::move(obligations)))) return false;
  }
  return true;
}

bool JsonPlans::can_be_array(Plan& plan) {
  if (!may_have_kind(plan, kArray)) return false;
  if (!plan.is_conjunction) return true;
  uint32_t max = kUnbounded, min = 0;
  for (const Track& track : plan.tracks) {
    const Schema& schema = graph_[track.schema];
    max = std::min(max, schema.max_items);
    min = std::max(min, std::max(schema.min_items, schema.contains ? std::min(schema.min_contains, 1U) : 0));
  }
  if (min > max) return false;
  for (uint32_t i = 0; i < std::min(min, plan.item_kinds + 1); ++i) {
    std::vector<SchemaId> obligations;
    for (const Track& track : plan.tracks) {
      const Schema& schema = graph_[track.schema];
      obligations.push_back(i < schema.prefix_items.size() ? schema.prefix_items[i] : schema.items);
    }
    if (std::ranges::find(obligations, kFalseSchema) != obligations.end()) return false;
    if (!is_satisfiable(plan_of(std::move(obligations)))) return false;
  }
  return true;
}

bool JsonPlans::is_satisfiable(PlanId id) {
  Plan& plan = *plans_[id];
  if (plan.satisfiable == Tri::open) {
    plan.satisfiable = Tri::yes;  // while it is being found out: a value may hold itself
    const bool found = !pool_.is_empty(plan.all_scalars) || can_be_array(plan) || can_be_object(plan);
    plan.satisfiable = found ? Tri::yes : Tri::no;
  }
  return plan.satisfiable == Tri::yes;
}

}  // namespace mlxserving::grammar
