// What a value must be judged by: the schemas that speak about it, taken apart into tracks, and the three-valued logic
// that joins their verdicts while the value is still being written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/json_schema.h"
#include "grammar/regex_pool.h"

namespace mlxserving::grammar {

// Ordered, so that "and" is the least and "or" the greatest.
enum class Tri : uint8_t { no, open, yes };

using PlanId = uint32_t;
using TrackIndex = uint32_t;

// One schema with all that judges the same value as it: its verdict is its own keywords' and those of the tracks it
// refers to, which come before it.
struct Track {
  struct Rule {
    InPlace::Kind kind;
    std::vector<TrackIndex> tracks;
    std::string key;
  };
  SchemaId schema;
  std::vector<Rule> rules;
};

// Texts of scalars that get the same verdict from every obligation.
struct ScalarClass {
  RegexId text;
  std::vector<Tri> verdicts;
};

// Keys no schema names, told apart by the patterns they match.
struct ExtraKeys {
  RegexId literal;                // quotes included
  std::vector<RegexId> patterns;  // that match
  std::vector<SchemaId> names;    // the propertyNames that hold
};

// What a plan knows of objects.
struct ObjectPlan {
  std::vector<std::string> keys;  // all that a schema names, in the order they must come
  std::vector<RegexId> literals;  // of the keys, quotes included
  std::unordered_map<std::string, uint32_t> index;
  std::vector<std::vector<TrackIndex>> required_by;  // a key -> tracks
  std::vector<bool> watched;                         // whether its presence matters later
  // From this key on nothing can fail the track, if its count of properties is right; UINT32_MAX for never.
  std::vector<uint32_t> settled_from;
  std::vector<std::vector<uint32_t>> settling;  // the keys that must be decided for that, for each track
  std::vector<Tri> allowed;  // of keys, where nothing but the key itself decides; open where it was not asked
  std::vector<ExtraKeys> extras;
  uint32_t count_max = 0;  // counting further changes nothing
};

struct Plan {
  std::vector<SchemaId> obligations;
  std::vector<Track> tracks;
  std::vector<TrackIndex> roots;  // of the obligations
  bool is_conjunction = true;     // every track must hold where every obligation must
  bool has_number = false;        // some track constrains numbers
  bool has_integer = false;
  RegexId all_scalars = kNothing;  // texts of scalars that satisfy every obligation
  std::vector<ScalarClass> classes;
  bool has_classes = false;
  std::unique_ptr<ObjectPlan> object;
  // Arrays
  uint32_t item_kinds = 0;  // items from this index on are alike
  uint32_t count_max = 0;   // counting items further changes nothing
  std::vector<TrackIndex> contains;
  bool has_unique = false;
  Tri satisfiable = Tri::open;
};

// The fixed parts of JSON text, as languages.
struct JsonText {
  explicit JsonText(RegexPool& pool);
  RegexId character, characters, string, number, fixed_number, canonical_number, integer;
};

// Plans of one schema graph, made where needed. Holds the graph and the pool by reference.
class JsonPlans {
 public:
  JsonPlans(const SchemaGraph& graph, RegexPool& pool);

  // A plan for values that the schemas judge; their order does not matter.
  PlanId plan_of(std::vector<SchemaId> obligations);
  Plan& operator[](PlanId id) { return *plans_[id]; }
  const SchemaGraph& graph() const { return graph_; }
  const JsonText& text() const { return text_; }

  // The verdicts of all tracks, from those of their own keywords. `present` says of a key whether it is there.
  template <typename Present>
  void judge(const Plan& plan, std::vector<Tri>& verdicts, const Present& present) const;

  const std::vector<ScalarClass>& classes(Plan& plan);
  ObjectPlan& object(Plan& plan);
  // The schemas that `schema` applies to the value of a key: of one it may name, or of unnamed ones.
  void for_key(const Schema& schema, const std::string& key, std::vector<SchemaId>& out);
  void for_extra(const Schema& schema, const ExtraKeys& keys, std::vector<SchemaId>& out) const;
  // False where no value can satisfy all obligations, as far as can be told from the outside in.
  bool is_satisfiable(PlanId id);
  // All texts of scalars that satisfy the schema.
  RegexId scalars(SchemaId schema, RegexId numbers);

  static constexpr size_t kPlansMax = 200'000;
  static constexpr size_t kClassesMax = 512;
  bool is_exhausted() const { return exhausted_; }

 private:
  TrackIndex add_track(Plan& plan, SchemaId schema, std::unordered_map<SchemaId, TrackIndex>& seen);
  RegexId own_scalars(const Schema& schema, RegexId numbers);
  RegexId equal_number(const Json& value, RegexId numbers);
  RegexId numbers_of(const Plan& plan) const;
  RegexId universe(RegexId numbers);
  void list_keys(const Plan& plan, ObjectPlan& object) const;
  void note_requirements(const Plan& plan, ObjectPlan& object);
  void split_extras(const Plan& plan, ObjectPlan& object);
  bool can_be_object(Plan& plan);
  bool can_be_array(Plan& plan);
  bool may_have_kind(const Plan& plan, uint8_t kind) const;

  const SchemaGraph& graph_;
  RegexPool& pool_;
  JsonText text_;
  std::vector<std::unique_ptr<Plan>> plans_;
  std::unordered_map<std::string, PlanId> index_;
  std::unordered_map<uint64_t, RegexId> scalars_;  // by schema and numbers
  bool exhausted_ = false;
};

template <typename Present>
void JsonPlans::judge(const Plan& plan, std::vector<Tri>& verdicts, const Present& present) const {
  using Kind = InPlace::Kind;
  for (TrackIndex i = 0; i < plan.tracks.size(); ++i) {
    Tri verdict = verdicts[i];
    for (const Track::Rule& rule : plan.tracks[i].rules) {
      if (verdict == Tri::no) break;
      const auto& of = rule.tracks;
      Tri part = Tri::yes;
      switch (rule.kind) {
        case Kind::all_of:
          for (const TrackIndex t : of) part = std::min(part, verdicts[t]);
          break;
        case Kind::any_of:
          part = Tri::no;
          for (const TrackIndex t : of) part = std::max(part, verdicts[t]);
          break;
        case Kind::one_of: {
          size_t sure = 0, possible = 0;
          for (const TrackIndex t : of) {
            sure += verdicts[t] == Tri::yes ? 1 : 0;
            possible += verdicts[t] == Tri::open ? 1 : 0;
          }
          part = sure > 1 || sure + possible == 0 ? Tri::no : possible > 0 ? Tri::open : Tri::yes;
          break;
        }
        case Kind::negate: part = static_cast<Tri>(2 - static_cast<int>(verdicts[of[0]])); break;
        case Kind::conditional:
          part = verdicts[of[0]] == Tri::yes          ? verdicts[of[1]]
                 : verdicts[of[0]] == Tri::no         ? verdicts[of[2]]
                 : verdicts[of[1]] == verdicts[of[2]] ? verdicts[of[1]]
                                                      : Tri::open;
          break;
        case Kind::when_present: {
          const Tri there = present(rule.key);
          part = there == Tri::yes                                 ? verdicts[of[0]]
                 : there == Tri::no || verdicts[of[0]] == Tri::yes ? Tri::yes
                                                                   : Tri::open;
          break;
        }
      }
      verdict = std::min(verdict, part);
    }
    verdicts[i] = verdict;
  }
}

}  // namespace mlxserving::grammar
