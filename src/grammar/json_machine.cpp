#include "grammar/json_machine.h"

#include <algorithm>
#include <map>

#include "core/result.h"
#include "grammar/char_set.h"

namespace mlxserving::grammar {
namespace {

constexpr size_t kSeenMax = 10'000;

uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9FB21C651E98DF25ULL;
  return hash ^ (hash >> 29);
}

std::string canonical(const Json& value) {
  if (value.is_number()) {
    const std::string text = to_text(value);
    const auto decimal = parse_decimal(text);
    return decimal ? decimal->text() : text;
  }
  std::string out;
  if (value.is_array()) {
    for (const Json& item : value) out += canonical(item) + ",";
    return "[" + out + "]";
  }
  if (!value.is_object()) return to_text(value);
  std::map<std::string, std::string> members;
  for (const auto& [key, member] : value.items()) members[key] = canonical(member);
  for (const auto& [key, member] : members) out += to_text(Json(key)) + ":" + member + ",";
  return "{" + out + "}";
}

}  // namespace

std::string canonical_json(std::string_view text) {
  const auto value = parse_json(text, "value", {.depth_max = 1000});
  return value ? canonical(*value) : std::string(text);
}

JsonMachine::JsonMachine(const JsonLayout& layout, const Limits& limits, std::shared_ptr<Workspace> workspace)
    : Machine(std::move(workspace)), layout_(layout), limits_(limits) {}

Result<std::unique_ptr<JsonMachine>> JsonMachine::compile(std::string_view schema, const JsonLayout& layout,
                                                          const Limits& limits) {
  return compile(schema, layout, limits, std::make_shared<Workspace>(limits.lexicon));
}

Result<std::unique_ptr<JsonMachine>> JsonMachine::compile(std::string_view schema, const JsonLayout& layout,
                                                          const Limits& limits, std::shared_ptr<Workspace> workspace) {
  std::unique_ptr<JsonMachine> machine(new JsonMachine(layout, limits, std::move(workspace)));
  MLXS_TRY(auto graph, SchemaGraph::parse(schema, machine->lexicon().pool(), limits.schema));
  machine->graph_ = std::make_unique<SchemaGraph>(std::move(graph));
  MLXS_CHECKED(machine->check_cycles());
  machine->plans_ = std::make_unique<JsonPlans>(*machine->graph_, machine->lexicon().pool());
  Child root;
  root.plan = machine->plans_->plan_of({machine->graph_->root()});
  const bool is_satisfiable = machine->plans_->is_satisfiable(root.plan);
  Frame frame;
  frame.child = machine->intern(std::move(root));
  machine->intern(std::move(frame));
  const LexId start = machine->body(0);
  if (machine->is_exhausted())
    return fail(ErrorCode::resource_exhausted, "schema", "the schema is larger than its limits of states allow");
  if (!is_satisfiable || start == kDead)
    return fail(ErrorCode::invalid_request, "", "the schema is unsatisfiable: no value can be valid");
  return machine;
}

// A schema that judges by itself whether it holds says nothing.
Result<void> JsonMachine::check_cycles() const {
  enum class Colour : uint8_t { white, grey, black };
  std::vector<Colour> colour(graph_->size(), Colour::white);
  std::vector<std::pair<SchemaId, bool>> open;
  for (SchemaId start = 0; start < graph_->size(); ++start) {
    open.emplace_back(start, true);
    while (!open.empty()) {
      const auto [id, is_entering] = open.back();
      open.pop_back();
      if (!is_entering) {
        colour[id] = Colour::black;
        continue;
      }
      if (colour[id] == Colour::black) continue;
      colour[id] = Colour::grey;
      open.emplace_back(id, false);
      for (const InPlace& in_place : (*graph_)[id].in_place) {
        for (const SchemaId next : in_place.schemas) {
          if (colour[next] == Colour::grey) {
            const std::string& pointer = (*graph_)[id].pointer;
            return fail(ErrorCode::invalid_request, pointer, "{}: refers to itself without a value in between",
                        pointer.empty() ? "/" : pointer);
          }
          if (colour[next] == Colour::white) open.emplace_back(next, true);
        }
      }
    }
  }
  return {};
}

// --- Interning

JsonMachine::FrameId JsonMachine::intern(Frame frame) {
  uint64_t hash = mix(mix(mix(static_cast<uint64_t>(frame.mode), frame.parent), frame.plan), frame.position);
  hash =
      mix(mix(mix(hash, frame.count), frame.child), frame.seen * 4ULL + frame.must_hold * 2ULL + frame.child_must_hold);
  for (const uint64_t word : frame.failed) hash = mix(hash, word);
  for (const uint64_t word : frame.present) hash = mix(hash, word);
  for (const uint32_t count : frame.contained) hash = mix(hash, count);
  const auto [from, to] = frame_index_.equal_range(hash);
  for (auto entry = from; entry != to; ++entry) {
    if (*frames_[entry->second] == frame) return entry->second;
  }
  exhausted_ = exhausted_ || frames_.size() >= limits_.frames_max;
  frames_.push_back(std::make_unique<Frame>(std::move(frame)));
  const auto id = static_cast<FrameId>(frames_.size() - 1);
  frame_index_.emplace(hash, id);
  return id;
}

JsonMachine::ChildId JsonMachine::intern(Child child) {
  uint64_t hash = child.plan;
  for (const auto& use : child.uses) {
    hash = mix(hash, use.track);
    for (const uint32_t verdict : use.verdicts) hash = mix(hash, verdict);
  }
  const auto [from, to] = child_index_.equal_range(hash);
  for (auto entry = from; entry != to; ++entry) {
    if (children_[entry->second] == child) return entry->second;
  }
  children_.push_back(std::move(child));
  const auto id = static_cast<ChildId>(children_.size() - 1);
  child_index_.emplace(hash, id);
  return id;
}

uint32_t JsonMachine::with_seen(uint32_t seen, const std::string& value) {
  std::vector<std::string> set = seen_sets_[seen];
  set.insert(std::ranges::upper_bound(set, value), value);
  std::string key;
  for (const std::string& item : set) key += item + '\0';
  if (const auto found = seen_index_.find(key); found != seen_index_.end()) return found->second;
  exhausted_ = exhausted_ || set.size() > kSeenMax;
  seen_sets_.push_back(std::move(set));
  const auto id = static_cast<uint32_t>(seen_sets_.size() - 1);
  seen_index_.emplace(std::move(key), id);
  return id;
}

// --- Verdicts

Tri JsonMachine::presence(const Frame& frame, const std::string& key, bool is_final) {
  if (frame.mode == Mode::array_first || frame.mode == Mode::array_value || frame.mode == Mode::array_after)
    return Tri::no;
  const ObjectPlan& object = plans_->object(plan_of(frame));
  const uint32_t index = object.index.at(key);
  if (frame.is_present(index)) return Tri::yes;
  return is_final || index < frame.position ? Tri::no : Tri::open;
}

bool JsonMachine::is_settled(const Frame& frame, const Plan& plan, TrackIndex t) {
  if (plan.tracks[t].schema == kTrueSchema) return true;
  if (frame.mode != Mode::object_value && frame.mode != Mode::object_after) return false;
  const ObjectPlan& object = *plan.object;
  if (object.settled_from[t] == UINT32_MAX || frame.count < schema_of(plan, t).min_properties) return false;
  if (!std::ranges::all_of(object.settling[t], [&](uint32_t key) { return is_decided(frame, key); })) return false;
  if (frame.mode == Mode::object_after) return true;
  if (frame.child == kNoChild) return false;  // what the value is judged by is not known yet
  return std::ranges::none_of(children_[frame.child].uses, [t](const Child::Use& use) { return use.track == t; });
}

JsonMachine::Verdicts JsonMachine::open_verdicts(const Frame& frame) {
  const Plan& plan = plan_of(frame);
  Verdicts own(plan.tracks.size(), Tri::open);
  for (TrackIndex t = 0; t < own.size(); ++t)
    own[t] = frame.has_failed(t) ? Tri::no : is_settled(frame, plan, t) ? Tri::yes : Tri::open;
  return own;
}

JsonMachine::Verdicts JsonMachine::final_verdicts(const Frame& frame) {
  Plan& plan = plan_of(frame);
  Verdicts own(plan.tracks.size(), Tri::yes);
  const bool is_object = frame.mode == Mode::object_first || frame.mode == Mode::object_after;
  for (TrackIndex t = 0; t < own.size(); ++t) {
    const Schema& schema = schema_of(plan, t);
    bool holds = !frame.has_failed(t);
    if (is_object) {
      holds = holds && frame.count >= schema.min_properties;
      for (const auto& [key, wanted] : schema.dependent_required) {
        if (!holds || presence(frame, key, true) != Tri::yes) continue;
        for (const std::string& other : wanted) holds = holds && presence(frame, other, true) == Tri::yes;
      }
    } else {
      holds = holds && frame.count >= schema.min_items;
    }
    own[t] = holds ? Tri::yes : Tri::no;
  }
  if (is_object) {
    const ObjectPlan& object = plans_->object(plan);
    for (uint32_t key = frame.position; key < object.keys.size(); ++key) {
      if (is_decided(frame, key)) continue;
      for (const TrackIndex t : object.required_by[key]) own[t] = Tri::no;
    }
  } else {
    for (size_t i = 0; i < plan.contains.size(); ++i) {
      if (frame.contained[i] < schema_of(plan, plan.contains[i]).min_contains) own[plan.contains[i]] = Tri::no;
    }
  }
  return own;
}

JsonMachine::Verdicts JsonMachine::of_obligations(const Frame& frame, Verdicts own, bool is_final) {
  const Plan& plan = plan_of(frame);
  plans_->judge(plan, own, [&](const std::string& key) { return presence(frame, key, is_final); });
  Verdicts result;
  result.reserve(plan.roots.size());
  for (const TrackIndex root : plan.roots) result.push_back(own[root]);
  return result;
}

bool JsonMachine::is_own_conjunction(const Frame& frame) { return frame.must_hold && plan_of(frame).is_conjunction; }

bool JsonMachine::is_viable(const Frame& frame) {
  if (is_own_conjunction(frame)) return std::ranges::all_of(frame.failed, [](uint64_t word) { return word == 0; });
  return is_viable_above(frame, of_obligations(frame, open_verdicts(frame), false));
}

// Whether the frame above can still come true with these verdicts of its value.
bool JsonMachine::is_viable_above(const Frame& at, const Verdicts& obligations) {
  if (at.must_hold) return std::ranges::find(obligations, Tri::no) == obligations.end();
  return is_viable_with(frame(at.parent), obligations);
}

bool JsonMachine::is_viable_with(const Frame& at, const Verdicts& child) {
  if (at.child_must_hold) return std::ranges::find(child, Tri::no) == child.end();
  if (at.mode == Mode::root_value) return child.empty() || child.front() != Tri::no;
  Verdicts own = open_verdicts(at);
  const Child& uses = children_[at.child];
  for (const Child::Use& use : uses.uses) {
    for (const uint32_t verdict : use.verdicts) {
      if (child[verdict] == Tri::no) own[use.track] = Tri::no;
    }
  }
  const Plan& plan = plan_of(at);
  for (const auto& [index, verdict] : uses.contains) {
    const TrackIndex t = plan.contains[index];
    const Schema& schema = schema_of(plan, t);
    const bool holds = !verdict || child[*verdict] == Tri::yes;
    if (holds && at.contained[index] + 1 > schema.max_contains) own[t] = Tri::no;
    // Items that may yet come must suffice.
    if (verdict && child[*verdict] == Tri::no && schema.max_items != kUnbounded &&
        at.contained[index] + (schema.max_items - std::min(schema.max_items, at.count + 1)) < schema.min_contains) {
      own[t] = Tri::no;
    }
  }
  return is_viable_above(at, of_obligations(at, std::move(own), false));
}

void JsonMachine::decide_child_must_hold(Frame& frame) {
  const Child& child = children_[frame.child];
  if (child.contains.empty() && is_own_conjunction(frame)) {
    frame.child_must_hold = true;
    return;
  }
  frame.child_must_hold = false;
  bool must = true;
  Verdicts verdicts((*plans_)[child.plan].obligations.size(), Tri::open);
  for (Tri& verdict : verdicts) {
    verdict = Tri::no;
    must = must && !is_viable_with(frame, verdicts);
    verdict = Tri::open;
  }
  // With a contains, what holds matters too, unless nothing is asked of the value at all.
  frame.child_must_hold = must && (child.contains.empty() || !verdicts.empty());
  if (!child.contains.empty()) {
    for (const auto& [index, verdict] : child.contains) {
      if (schema_of(plan_of(frame), plan_of(frame).contains[index]).max_contains != kUnbounded)
        frame.child_must_hold = false;
    }
  }
}

// --- Frames

std::optional<JsonMachine::Frame> JsonMachine::opened(FrameId parent, uint8_t kind) {
  Frame result;
  result.mode = kind == kObject ? Mode::object_first : Mode::array_first;
  result.parent = parent;
  result.plan = children_[frame(parent).child].plan;
  result.must_hold = frame(parent).child_must_hold;
  Plan& plan = plan_of(result);
  result.failed.assign((plan.tracks.size() + 63) / 64, 0);
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    if ((schema_of(plan, t).kinds & kind) == 0) result.fail(t);
  }
  if (kind == kObject) {
    result.present.assign((plans_->object(plan).keys.size() + 63) / 64, 0);
  } else {
    result.contained.assign(plan.contains.size(), 0);
  }
  if (!is_viable(result)) return std::nullopt;
  if (kind == kObject) return result;
  if (auto item = at_item(result)) {
    item->mode = Mode::array_first;
    return item;
  }
  result.child = kNoChild;  // no item: it can only be closed
  return result;
}

// `schemas[t]` are those that track t applies to the value.
std::optional<JsonMachine::Frame> JsonMachine::with_child(Frame result, Child child,
                                                          const std::vector<std::vector<SchemaId>>& schemas) {
  std::vector<SchemaId> obligations;
  for (TrackIndex t = 0; t < schemas.size(); ++t) {
    if (result.has_failed(t)) continue;
    if (std::ranges::find(schemas[t], kFalseSchema) != schemas[t].end()) {
      result.fail(t);
    } else {
      obligations.insert(obligations.end(), schemas[t].begin(), schemas[t].end());
    }
  }
  if (!is_viable(result)) return std::nullopt;
  const Plan& plan = plan_of(result);
  for (const auto& [index, verdict] : child.contains) {
    if (const SchemaId wanted = *schema_of(plan, plan.contains[index]).contains; wanted != kTrueSchema)
      obligations.push_back(wanted);
  }
  child.plan = plans_->plan_of(std::move(obligations));
  const auto& sorted = (*plans_)[child.plan].obligations;
  const auto verdict_of = [&](SchemaId schema) {
    return static_cast<uint32_t>(std::ranges::lower_bound(sorted, schema) - sorted.begin());
  };
  for (TrackIndex t = 0; t < schemas.size(); ++t) {
    if (result.has_failed(t)) continue;
    Child::Use use{.track = t, .verdicts = {}};
    for (const SchemaId schema : schemas[t]) {
      if (schema != kTrueSchema) use.verdicts.push_back(verdict_of(schema));
    }
    if (!use.verdicts.empty()) child.uses.push_back(std::move(use));
  }
  for (auto& [index, verdict] : child.contains) {
    if (const SchemaId wanted = *schema_of(plan, plan.contains[index]).contains; wanted != kTrueSchema)
      verdict = verdict_of(wanted);
  }
  result.child = intern(std::move(child));
  decide_child_must_hold(result);
  if (result.child_must_hold && !plans_->is_satisfiable(children_[result.child].plan)) return std::nullopt;
  return result;
}

// Whether the key came, or can no more.
bool JsonMachine::is_decided(const Frame& frame, uint32_t key) const {
  return is_any_order() ? frame.is_present(key) : key < frame.position;
}

// Whether the key may be written next; `frame` has decided the keys before it.
bool JsonMachine::may_come(const Frame& frame, uint32_t key) {
  ObjectPlan& object = plans_->object(plan_of(frame));
  // Where all must hold and nothing is counted, no other key has a say.
  const bool is_alone = is_own_conjunction(frame) && object.count_max == 0 && !object.watched[key];
  if (!is_alone) return at_key(frame, key).has_value();
  if (object.allowed[key] == Tri::open) {
    const Tri allowed = at_key(frame, key) ? Tri::yes : Tri::no;
    object.allowed[key] = allowed;
  }
  return object.allowed[key] == Tri::yes;
}

// The key will not come: who required it fails. False where nothing can come true then.
bool JsonMachine::skip_key(Frame& frame, uint32_t key) {
  const ObjectPlan& object = plans_->object(plan_of(frame));
  frame.position = key + 1;
  if (object.required_by[key].empty() && !object.watched[key]) return true;
  for (const TrackIndex t : object.required_by[key]) frame.fail(t);
  const Plan& plan = plan_of(frame);
  for (TrackIndex t = 0; object.watched[key] && t < plan.tracks.size(); ++t) {
    for (const auto& [trigger, wanted] : schema_of(plan, t).dependent_required) {
      const bool is_wanted = std::ranges::find(wanted, object.keys[key]) != wanted.end();
      if (is_wanted && presence(frame, trigger, false) == Tri::yes) frame.fail(t);
    }
  }
  return is_viable(frame);
}

void JsonMachine::add_property(Frame& frame) {
  Plan& plan = plan_of(frame);
  const uint32_t count_max = plans_->object(plan).count_max;
  if (count_max == 0) return;
  ++frame.count;
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    if (frame.count > schema_of(plan, t).max_properties) frame.fail(t);
  }
  frame.count = std::min(frame.count, count_max);
}

// `frame` has decided the keys before this one.
std::optional<JsonMachine::Frame> JsonMachine::at_key(const Frame& from, uint32_t key) {
  Frame result = from;
  Plan& plan = plan_of(result);
  const ObjectPlan& object = plans_->object(plan);
  result.mode = Mode::object_value;
  result.child = kNoChild;
  if (!is_any_order()) result.position = key + 1;
  if (object.watched[key] || is_any_order()) result.present[key >> 6] |= uint64_t{1} << (key & 63);
  add_property(result);
  std::vector<std::vector<SchemaId>> schemas(plan.tracks.size());
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    const Schema& schema = schema_of(plan, t);
    if (!result.has_failed(t)) plans_->for_key(schema, object.keys[key], schemas[t]);
    for (const auto& [trigger, wanted] : schema.dependent_required) {
      // What this key wants may have been passed over; who wants this key is content.
      if (trigger != object.keys[key]) continue;
      for (const std::string& other : wanted) {
        if (presence(result, other, false) == Tri::no) result.fail(t);
      }
    }
  }
  return with_child(std::move(result), {}, schemas);
}

std::optional<JsonMachine::Frame> JsonMachine::at_extra(const Frame& from, uint32_t extra) {
  Frame result = from;
  Plan& plan = plan_of(result);
  const ObjectPlan& object = plans_->object(plan);
  for (uint32_t key = result.position; key < object.keys.size() && !is_any_order(); ++key) {
    if (!skip_key(result, key)) return std::nullopt;
  }
  result.mode = Mode::object_value;
  result.child = kNoChild;
  add_property(result);
  std::vector<std::vector<SchemaId>> schemas(plan.tracks.size());
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    if (!result.has_failed(t)) plans_->for_extra(schema_of(plan, t), object.extras[extra], schemas[t]);
  }
  return with_child(std::move(result), {}, schemas);
}

std::optional<JsonMachine::Frame> JsonMachine::at_item(const Frame& from) {
  Frame result = from;
  Plan& plan = plan_of(result);
  result.mode = Mode::array_value;
  Child child;
  std::vector<std::vector<SchemaId>> schemas(plan.tracks.size());
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    const Schema& schema = schema_of(plan, t);
    if (result.count + 1 > schema.max_items) result.fail(t);
    schemas[t].push_back(result.count < schema.prefix_items.size() ? schema.prefix_items[result.count] : schema.items);
  }
  for (uint32_t i = 0; i < plan.contains.size(); ++i) {
    if (!result.has_failed(plan.contains[i])) child.contains.emplace_back(i, std::nullopt);
  }
  return with_child(std::move(result), std::move(child), schemas);
}

// The frame once its value is complete with these verdicts; nothing where it cannot be. `text` is the value's, where it
// is known and matters.
JsonMachine::FrameId JsonMachine::after_value(FrameId id, const Verdicts& verdicts, const std::string* text) {
  Frame result = frame(id);
  Plan& plan = plan_of(result);
  const Child& child = children_[result.child];
  for (const Child::Use& use : child.uses) {
    for (const uint32_t verdict : use.verdicts) {
      if (verdicts[verdict] == Tri::no) result.fail(use.track);
    }
  }
  for (const auto& [index, verdict] : child.contains) {
    if (verdict && verdicts[*verdict] != Tri::yes) continue;
    const TrackIndex t = plan.contains[index];
    const Schema& schema = schema_of(plan, t);
    const uint32_t cap = std::max(schema.min_contains, schema.max_contains == kUnbounded ? 0 : schema.max_contains + 1);
    result.contained[index] = std::min(result.contained[index] + 1, cap);
    if (result.contained[index] > schema.max_contains) result.fail(t);
  }
  const bool is_array = result.mode == Mode::array_first || result.mode == Mode::array_value;
  if (is_array) {
    result.count = std::min(result.count + 1, plan.count_max);
    if (text != nullptr && remembers_items(frame(id))) {
      const std::string value = canonical_json(*text);
      const auto& seen = seen_sets_[result.seen];
      if (std::ranges::binary_search(seen, value)) {
        for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
          if (schema_of(plan, t).unique_items) result.fail(t);
        }
      } else {
        result.seen = with_seen(result.seen, value);
      }
    }
  }
  result.mode = is_array ? Mode::array_after : Mode::object_after;
  result.child = 0;
  result.child_must_hold = true;
  if (!is_viable(result)) return kNoFrame;
  const FrameId after = intern(std::move(result));
  return after_text(after) == kDead ? kNoFrame : after;
}

// The frame above once the object or array ends here; kNoFrame where it may not.
JsonMachine::FrameId JsonMachine::closed(FrameId id, const std::string* text) {
  if (text == nullptr) {
    if (const auto found = closed_.find(id); found != closed_.end()) return found->second;
  }
  const Frame& at = frame(id);
  const Verdicts verdicts = of_obligations(at, final_verdicts(at), true);
  FrameId result = kNoFrame;
  if (frame(at.parent).mode == Mode::root_value) {
    result = std::ranges::find(verdicts, Tri::no) == verdicts.end() ? at.parent : kNoFrame;
  } else if (is_viable_with(frame(at.parent), verdicts)) {
    result = after_value(at.parent, verdicts, text);
  }
  if (text == nullptr) closed_.emplace(id, result);
  return result;
}

}  // namespace mlxserving::grammar
