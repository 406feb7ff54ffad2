// The terminals of the JSON machine: what may be written in each frame, and where a complete one leads.
#include <algorithm>

#include "grammar/char_set.h"
#include "grammar/json_machine.h"

namespace mlxserving::grammar {
namespace {

constexpr uint32_t kSpaceTag = 0, kObjectTag = 1, kArrayTag = 2, kCommaTag = 3, kCloseTag = 4;
constexpr uint32_t kFirstTag = 16;                 // value classes, or keys
constexpr uint32_t kExtraTag = uint32_t{1} << 24;  // classes of keys that no schema names
constexpr uint32_t kAnySpaceMax = 64, kIndentMax = 32;

}  // namespace

uint32_t JsonMachine::depth(FrameId id) const {
  uint32_t result = 0;
  for (; frame(id).mode != Mode::root_value; id = frame(id).parent) ++result;
  return result;
}

// What stands before a key, an item or a closing bracket; before a value inside an object it is what follows the colon.
RegexId JsonMachine::gap(FrameId id, bool is_closing) {
  RegexPool& pool = lexicon().pool();
  const Mode mode = frame(id).mode;
  if (mode == Mode::root_value) return kEmptyText;
  switch (layout_.space) {
    case JsonLayout::Space::compact: return kEmptyText;
    case JsonLayout::Space::any: return pool.repeat(pool.bytes(ByteSet::of(" \t\r\n")), 0, kAnySpaceMax);
    case JsonLayout::Space::indented: {
      if (mode == Mode::object_value) return pool.literal(" ");
      if (is_closing && (mode == Mode::object_first || mode == Mode::array_first)) return kEmptyText;
      const uint32_t levels = depth(id) - (is_closing ? 1 : 0);
      return pool.literal("\n" + std::string(static_cast<size_t>(levels) * layout_.indent, ' '));
    }
    case JsonLayout::Space::flexible: break;
  }
  const RegexId line = pool.concat(pool.optional(pool.literal("\r")), pool.literal("\n"));
  const RegexId lines =
      pool.concat(pool.repeat(line, 1, 2), pool.repeat(pool.bytes(ByteSet::of(" \t")), 0, kIndentMax));
  return pool.optional(pool.any_of({pool.literal(" "), lines}));
}

bool JsonMachine::remembers_keys(const Frame& at) {
  Plan& plan = plan_of(at);
  return !plan.tracks.empty() && (!at.must_hold || !plan.is_conjunction || plans_->object(plan).count_max > 0);
}

bool JsonMachine::remembers_items(const Frame& at) { return at.mode != Mode::root_value && plan_of(at).has_unique; }

// A key that came is forbidden by its letters alone, so it takes the token two keys to do what a mask does not know; a
// value can only be found to repeat where its item ends.
bool JsonMachine::recalls_at(const Config& at, std::string_view token) {
  if (std::ranges::count(token, '"') >= 3) return true;
  const auto closers = static_cast<size_t>(std::ranges::count_if(token, [](char c) { return c == ']' || c == '}'; }));
  FrameId id = at.context;
  for (size_t depth = 0; depth <= closers && frame(id).mode != Mode::root_value; ++depth, id = frame(id).parent) {
    if (!remembers_items(frame(id))) continue;
    const bool is_inside = closers > 0 || token.find(',') != std::string_view::npos;
    if (is_inside || !may_close_after_item(frame(id)) || may_repeat_items(frame(id))) return true;
  }
  return false;
}

// Whether one item more is enough for every schema of the array.
bool JsonMachine::may_close_after_item(const Frame& at) {
  const Plan& plan = plan_of(at);
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    if (at.count + 1 < schema_of(plan, t).min_items) return false;
  }
  return plan.contains.empty();
}

void JsonMachine::enter(FrameId id, CaptureId capture, std::vector<Config>& out) {
  const Mode mode = frame(id).mode;
  const bool is_first = mode == Mode::object_first || mode == Mode::array_first;
  if (is_first && layout_.space == JsonLayout::Space::indented) {
    // The gap differs before a bracket that closes at once, so it is part of the terminals.
    out.push_back({.lex = body(id), .context = id, .capture = capture});
    return;
  }
  out.push_back({.lex = lexicon().state({{kSpaceTag, gap(id, false)}}), .context = id, .capture = capture});
}

LexId JsonMachine::body(FrameId id) {
  if (const auto found = body_.find(id); found != body_.end()) return found->second;
  const Mode mode = frame(id).mode;
  const LexId result = mode == Mode::object_first || mode == Mode::object_key ? key_text(id) : value_text(id);
  body_.emplace(id, result);
  return result;
}

// Whether an item may come twice although some schema asks for different ones.
bool JsonMachine::may_repeat_items(Frame at) {
  const Plan& plan = plan_of(at);
  for (TrackIndex t = 0; t < plan.tracks.size(); ++t) {
    if (schema_of(plan, t).unique_items) at.fail(t);
  }
  return is_viable(at);
}

// Scalars that came before in an array of different ones.
RegexId JsonMachine::excluded_values(const Frame& at) {
  RegexPool& pool = lexicon().pool();
  std::vector<RegexId> values;
  for (const std::string& value : seen_sets_[at.seen]) {
    if (value.front() == '{' || value.front() == '[') continue;
    const auto decimal = parse_decimal(value);
    if (decimal) {
      NumberSpec spec;
      spec.min = spec.max = *decimal;
      values.push_back(pool.number(spec));
    } else if (value.front() == '"') {
      const auto parsed = parse_json(value, "value");
      if (parsed)
        values.push_back(pool.literal("\"" + spell(parsed->get<std::string>(), Spelling::json_string) + "\""));
    } else {
      values.push_back(pool.literal(value));
    }
  }
  return pool.any_of(std::move(values));
}

LexId JsonMachine::value_text(FrameId id) {
  RegexPool& pool = lexicon().pool();
  const Frame at = frame(id);
  std::vector<TaggedRegex> parts;
  const RegexId before =
      at.mode == Mode::array_first && layout_.space == JsonLayout::Space::indented ? gap(id, false) : kEmptyText;
  if (at.child != kNoChild) {
    Plan& child = (*plans_)[children_[at.child].plan];
    RegexId excluded = kNothing;
    if (remembers_items(at) && !may_repeat_items(at)) excluded = excluded_values(at);
    const auto add = [&](uint32_t tag, RegexId text) {
      if (excluded != kNothing) text = pool.minus(text, excluded);
      parts.push_back({tag, pool.concat(before, text)});
    };
    if (at.child_must_hold) {
      add(kFirstTag, child.all_scalars);
    } else {
      const auto& classes = plans_->classes(child);
      for (uint32_t i = 0; i < classes.size(); ++i) {
        if (is_viable_with(at, classes[i].verdicts)) add(kFirstTag + i, classes[i].text);
      }
    }
    for (const auto& [kind, tag, bracket] :
         {std::tuple{kObject, kObjectTag, "{"}, std::tuple{kArray, kArrayTag, "["}}) {
      const auto inner = opened(id, kind);
      if (!inner) continue;
      const FrameId inner_id = intern(*inner);
      // What can neither be closed nor go on is not opened. Deeper down, the schemas were asked beforehand.
      if (inner->mode == Mode::array_first && inner->child == kNoChild && closed(inner_id, nullptr) == kNoFrame)
        continue;
      parts.push_back({tag, pool.concat(before, pool.literal(bracket))});
    }
  }
  if (at.mode == Mode::array_first && closed(id, nullptr) != kNoFrame) parts.push_back({kCloseTag, pool.literal("]")});
  return lexicon().state(std::move(parts));
}

LexId JsonMachine::key_text(FrameId id) {
  RegexPool& pool = lexicon().pool();
  Frame at = frame(id);
  const ObjectPlan& object = plans_->object(plan_of(at));
  std::vector<TaggedRegex> parts;
  if (at.mode == Mode::object_first && closed(id, nullptr) != kNoFrame) parts.push_back({kCloseTag, pool.literal("}")});
  const RegexId before =
      at.mode == Mode::object_first && layout_.space == JsonLayout::Space::indented ? gap(id, false) : kEmptyText;
  const RegexId colon =
      layout_.space == JsonLayout::Space::any
          ? pool.concat(pool.repeat(pool.bytes(ByteSet::of(" \t\r\n")), 0, kAnySpaceMax), pool.literal(":"))
          : kEmptyText;
  const auto add = [&](uint32_t tag, RegexId literal) {
    parts.push_back({tag, pool.concat({before, literal, colon})});
  };
  bool goes_on = true;
  for (uint32_t key = at.position; key < object.keys.size() && goes_on; ++key) {
    if (is_any_order() && at.is_present(key)) continue;
    if (may_come(at, key))
      add(kFirstTag + key, pool.concat(object.literals[key], colon == kEmptyText ? pool.literal(":") : kEmptyText));
    if (!is_any_order()) goes_on = skip_key(at, key);
  }
  if (goes_on) {
    std::vector<RegexId> seen;
    for (const std::string& key : seen_sets_[at.seen]) seen.push_back(pool.literal(key));
    const RegexId again = pool.any_of(std::move(seen));
    for (uint32_t extra = 0; extra < object.extras.size(); ++extra) {
      if (!at_extra(at, extra)) continue;
      const RegexId literal =
          again == kNothing ? object.extras[extra].literal : pool.minus(object.extras[extra].literal, again);
      add(kExtraTag + extra, colon == kEmptyText ? pool.concat(literal, pool.literal(":")) : literal);
    }
  }
  return lexicon().state(std::move(parts));
}

LexId JsonMachine::after_text(FrameId id) {
  if (const auto found = after_.find(id); found != after_.end()) return found->second;
  RegexPool& pool = lexicon().pool();
  const Frame at = frame(id);
  std::vector<TaggedRegex> parts;
  bool has_next = false;
  if (at.mode == Mode::object_after) {
    Frame next = at;
    next.mode = Mode::object_key;
    has_next = body(intern(std::move(next))) != kDead;
  } else if (const auto item = at_item(at)) {
    has_next = body(intern(*item)) != kDead;
  }
  const RegexId spaces = layout_.space == JsonLayout::Space::any ? gap(id, true) : kEmptyText;
  if (has_next) parts.push_back({kCommaTag, pool.concat(spaces, pool.literal(","))});
  if (closed(id, nullptr) != kNoFrame) {
    parts.push_back({kCloseTag, pool.concat(gap(id, true), pool.literal(at.mode == Mode::object_after ? "}" : "]"))});
  }
  const LexId result = lexicon().state(std::move(parts));
  after_.emplace(id, result);
  return result;
}

void JsonMachine::begin(std::vector<Config>& out) { out.push_back({.lex = body(0), .context = 0, .capture = 0}); }

// The value in `id`'s frame is complete; what follows stands in `to`.
void JsonMachine::finish(FrameId to, CaptureId capture, std::vector<Config>& out) {
  if (to == kNoFrame) return;
  if (frame(to).mode == Mode::root_value) {
    out.push_back({.lex = kEnd, .context = 0, .capture = 0});
  } else {
    out.push_back({.lex = after_text(to), .context = to, .capture = capture});
  }
}

void JsonMachine::leave(const Config& at, std::vector<Config>& out) {
  const std::vector<uint32_t> tags(lexicon().complete_tags(at.lex).begin(), lexicon().complete_tags(at.lex).end());
  for (const uint32_t tag : tags) {
    const Mode mode = frame(at.context).mode;
    if (tag == kSpaceTag) {
      const bool is_key = (mode == Mode::object_first || mode == Mode::object_key) && remembers_keys(frame(at.context));
      const bool is_item =
          (mode == Mode::array_first || mode == Mode::array_value) && remembers_items(frame(at.context));
      out.push_back({.lex = body(at.context),
                     .context = at.context,
                     .capture = is_key || is_item ? workspace().open_capture(at.capture) : at.capture});
      continue;
    }
    switch (mode) {
      case Mode::object_first:
      case Mode::object_key: leave_key(at, tag, out); break;
      case Mode::root_value:
      case Mode::object_value:
      case Mode::array_first:
      case Mode::array_value: leave_value(at, tag, out); break;
      case Mode::object_after:
      case Mode::array_after:
        if (tag == kCommaTag) {
          Frame next = frame(at.context);
          if (mode == Mode::object_after) {
            next.mode = Mode::object_key;
            enter(intern(std::move(next)), at.capture, out);
          } else if (auto item = at_item(next)) {
            enter(intern(*std::move(item)), at.capture, out);
          }
        } else {
          const FrameId parent = frame(at.context).parent;
          if (at.capture != 0 && remembers_items(frame(parent))) {
            std::string text;
            const CaptureId outer = workspace().close_capture(at.capture, text);
            finish(closed(at.context, &text), outer, out);
          } else {
            finish(closed(at.context, nullptr), at.capture, out);
          }
        }
        break;
    }
  }
}

void JsonMachine::leave_value(const Config& at, uint32_t tag, std::vector<Config>& out) {
  const FrameId id = at.context;
  if (tag == kObjectTag || tag == kArrayTag) {
    if (const auto inner = opened(id, tag == kObjectTag ? kObject : kArray)) enter(intern(*inner), at.capture, out);
    return;
  }
  const bool captures = at.capture != 0 && remembers_items(frame(id));
  std::string text;
  const CaptureId outer = captures ? workspace().close_capture(at.capture, text) : at.capture;
  if (tag == kCloseTag) {
    // An empty array: its own frame closes, and an item above may be complete with it.
    const FrameId parent = frame(id).parent;
    CaptureId above = outer;
    if (captures) text = "[]";
    if (above != 0 && remembers_items(frame(parent))) {
      std::string item;
      above = workspace().close_capture(above, item);
      finish(closed(id, &item), above, out);
    } else {
      finish(closed(id, nullptr), above, out);
    }
    return;
  }
  const Frame& value = frame(id);
  const Plan& child = (*plans_)[children_[value.child].plan];
  const Verdicts verdicts =
      value.child_must_hold ? Verdicts(child.obligations.size(), Tri::yes) : child.classes[tag - kFirstTag].verdicts;
  if (value.mode == Mode::root_value) {
    finish(id, 0, out);
  } else {
    finish(after_value(id, verdicts, captures ? &text : nullptr), outer, out);
  }
}

void JsonMachine::leave_key(const Config& at, uint32_t tag, std::vector<Config>& out) {
  const Frame& from = frame(at.context);
  CaptureId capture = at.capture;
  std::string text;
  if (capture != 0 && remembers_keys(from)) capture = workspace().close_capture(capture, text);
  if (tag == kCloseTag) {
    const FrameId parent = from.parent;
    if (capture != 0 && remembers_items(frame(parent))) {
      std::string item;
      capture = workspace().close_capture(capture, item);
      finish(closed(at.context, &item), capture, out);
    } else {
      finish(closed(at.context, nullptr), capture, out);
    }
    return;
  }
  Frame skipped = from;
  std::optional<Frame> next;
  if (tag >= kExtraTag) {
    if (!text.empty()) {
      text.erase(text.rfind('"') + 1);
      text.erase(0, text.find('"'));
      skipped.seen = with_seen(skipped.seen, text);
    }
    next = at_extra(skipped, tag - kExtraTag);
  } else {
    for (uint32_t key = skipped.position; key < tag - kFirstTag && !is_any_order(); ++key) skip_key(skipped, key);
    next = at_key(skipped, tag - kFirstTag);
  }
  if (!next) return;
  enter(intern(*std::move(next)), capture, out);
}

}  // namespace mlxserving::grammar
