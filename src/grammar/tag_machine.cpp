#include "grammar/tag_machine.h"

#include <algorithm>

#include "core/result.h"
#include "core/utf8.h"
#include "grammar/char_set.h"

namespace mlxserving::grammar {
namespace {

constexpr uint32_t kEndTag = 0;    // the text may end here
constexpr uint32_t kFirstTag = 1;  // of the tags' begins

Error refuse(const std::string& param, const std::string& what) {
  return fail(ErrorCode::invalid_request, param, "{}: {}", param, what);
}

Result<void> check_text(const std::string& param, const std::string& text) {
  if (text.size() > TagMachine::kTagBytesMax) {
    return fail(ErrorCode::resource_exhausted, param, "{} has at most {} bytes, this one {}", param,
                TagMachine::kTagBytesMax, text.size());
  }
  if (!utf8::is_valid(text)) return refuse(param, "must be valid UTF-8");
  return {};
}

// What opens a tag: the triggers, or where none are given the begins themselves.
Result<std::vector<std::string>> triggers_of(const StructuralTagConstraint& constraint) {
  std::vector<std::string> triggers = constraint.triggers;
  for (const StructuralTag& tag : constraint.tags) {
    if (constraint.triggers.empty()) triggers.push_back(tag.begin);
    const bool is_triggered =
        std::ranges::any_of(triggers, [&](const std::string& trigger) { return tag.begin.starts_with(trigger); });
    if (!is_triggered) return refuse("triggers", "none begins the tag " + tag.begin);
  }
  for (const std::string& trigger : triggers) {
    MLXS_CHECKED(check_text("triggers", trigger));
    if (trigger.empty()) return refuse("triggers", "must not be empty");
    const bool is_used =
        std::ranges::any_of(constraint.tags, [&](const StructuralTag& tag) { return tag.begin.starts_with(trigger); });
    if (!is_used) return refuse("triggers", "no tag begins with " + trigger);
  }
  return triggers;
}

}  // namespace

Result<std::unique_ptr<TagMachine>> TagMachine::compile(const StructuralTagConstraint& constraint,
                                                        const JsonLayout& layout, const JsonMachine::Limits& limits) {
  if (constraint.tags.empty()) return refuse("tags", "there must be at least one");
  if (constraint.tags.size() > kTagsMax) {
    return fail(ErrorCode::resource_exhausted, "tags", "there may be at most {} tags, these are {}", kTagsMax,
                constraint.tags.size());
  }
  std::unique_ptr<TagMachine> machine(new TagMachine(std::make_shared<Workspace>(limits.lexicon)));
  machine->required_ = constraint.required;
  machine->parallel_ = constraint.parallel;
  for (size_t i = 0; i < constraint.tags.size(); ++i)
    MLXS_CHECKED(machine->add_tag(constraint.tags[i], i, layout, limits));
  MLXS_TRY(const auto triggers, triggers_of(constraint));
  RegexPool& pool = machine->lexicon().pool();
  std::vector<RegexId> literals;
  literals.reserve(triggers.size());
  for (const std::string& trigger : triggers) literals.push_back(pool.literal(trigger));
  const RegexId any = pool.repeat(spell(pool, CharSet::all(), Spelling::utf8), 0, kUnbounded);
  machine->free_text_ = pool.minus(any, pool.concat({any, pool.any_of(std::move(literals)), any}));
  std::vector<Config> start;
  machine->begin(start);
  if (start.empty() || machine->is_exhausted())
    return fail(ErrorCode::resource_exhausted, "tags", "the tags are larger than their limits of states allow");
  return machine;
}

Result<void> TagMachine::add_tag(const StructuralTag& tag, size_t index, const JsonLayout& layout,
                                 const JsonMachine::Limits& limits) {
  const std::string param = fmt::format("tags[{}]", index);
  if (tag.begin.empty()) return refuse(param + ".begin", "must not be empty");
  MLXS_CHECKED(check_text(param + ".begin", tag.begin));
  MLXS_CHECKED(check_text(param + ".end", tag.end));
  auto content = JsonMachine::compile(tag.schema.empty() ? "true" : tag.schema, layout, limits, shared_workspace());
  if (!content) {
    return Error{content.error().code, param + ".schema" + ": " + content.error().message,
                 param + ".schema" + content.error().param};
  }
  RegexPool& pool = lexicon().pool();
  tags_.push_back({.content = std::move(*content), .begin = pool.literal(tag.begin), .end = pool.literal(tag.end)});
  return {};
}

bool TagMachine::is_exhausted() const {
  return Machine::is_exhausted() ||
         std::ranges::any_of(tags_, [](const Tag& tag) { return tag.content->is_exhausted(); });
}

double TagMachine::fullness() const {
  double most = Machine::fullness();
  for (const Tag& tag : tags_) most = std::max(most, tag.content->fullness());
  return most;
}

ContextId TagMachine::intern(const Frame& frame) {
  const uint64_t key = (uint64_t{frame.inner} << 32) | (uint64_t{frame.tag} << 2) | static_cast<uint64_t>(frame.place);
  const auto [found, is_new] = frame_index_.try_emplace(key, static_cast<ContextId>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  return found->second;
}

void TagMachine::begin(std::vector<Config>& out) {
  if (!required_) return enter_text(out);
  std::vector<TaggedRegex> parts;
  parts.reserve(tags_.size());
  for (uint32_t tag = 0; tag < tags_.size(); ++tag) parts.push_back({kFirstTag + tag, tags_[tag].begin});
  out.push_back({.lex = lexicon().state(std::move(parts)),
                 .context = intern({.place = Place::text, .tag = 0, .inner = 0}),
                 .capture = 0});
}

void TagMachine::enter_text(std::vector<Config>& out) {
  RegexPool& pool = lexicon().pool();
  std::vector<TaggedRegex> parts{{kEndTag, free_text_}};
  for (uint32_t tag = 0; tag < tags_.size(); ++tag)
    parts.push_back({kFirstTag + tag, pool.concat(free_text_, tags_[tag].begin)});
  out.push_back({.lex = lexicon().state(std::move(parts)),
                 .context = intern({.place = Place::text, .tag = 0, .inner = 0}),
                 .capture = 0});
}

void TagMachine::wrap(uint32_t tag, const std::vector<Config>& inner, std::vector<Config>& out) {
  for (const Config& config : inner) {
    if (config.lex == kEnd) {
      after_content(tag, out);
    } else {
      out.push_back({.lex = config.lex,
                     .context = intern({.place = Place::content, .tag = tag, .inner = config.context}),
                     .capture = config.capture});
    }
  }
}

void TagMachine::after_content(uint32_t tag, std::vector<Config>& out) {
  if (tags_[tag].end == kEmptyText) return after_tag(out);
  out.push_back({.lex = lexicon().state({{kEndTag, tags_[tag].end}}),
                 .context = intern({.place = Place::end, .tag = tag, .inner = 0}),
                 .capture = 0});
}

// Free text goes on, unless only tags are wanted: then another may follow, white space before it.
void TagMachine::after_tag(std::vector<Config>& out) {
  if (required_) {
    out.push_back({.lex = kEnd, .context = 0, .capture = 0});
    if (!parallel_) return;
    RegexPool& pool = lexicon().pool();
    const RegexId gap = pool.repeat(pool.bytes(ByteSet::of(" \n")), 0, 2);
    std::vector<TaggedRegex> parts;
    parts.reserve(tags_.size());
    for (uint32_t tag = 0; tag < tags_.size(); ++tag)
      parts.push_back({kFirstTag + tag, pool.concat(gap, tags_[tag].begin)});
    out.push_back({.lex = lexicon().state(std::move(parts)),
                   .context = intern({.place = Place::text, .tag = 0, .inner = 0}),
                   .capture = 0});
  } else if (parallel_) {
    enter_text(out);
  } else {
    out.push_back({.lex = lexicon().state({{kEndTag, free_text_}}),
                   .context = intern({.place = Place::after, .tag = 0, .inner = 0}),
                   .capture = 0});
  }
}

void TagMachine::leave(const Config& at, std::vector<Config>& out) {
  const Frame frame = frames_[at.context];
  if (frame.place == Place::content) {
    std::vector<Config> inner;
    tags_[frame.tag].content->leave({.lex = at.lex, .context = frame.inner, .capture = at.capture}, inner);
    return wrap(frame.tag, inner, out);
  }
  if (frame.place == Place::end) return after_tag(out);
  const std::vector<uint32_t> complete(lexicon().complete_tags(at.lex).begin(), lexicon().complete_tags(at.lex).end());
  for (const uint32_t tag : complete) {
    if (tag == kEndTag) {
      out.push_back({.lex = kEnd, .context = 0, .capture = 0});
    } else {
      std::vector<Config> inner;
      tags_[tag - kFirstTag].content->begin(inner);
      wrap(tag - kFirstTag, inner, out);
    }
  }
}

}  // namespace mlxserving::grammar
