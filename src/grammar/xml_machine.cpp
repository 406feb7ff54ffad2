#include "grammar/xml_machine.h"

#include "grammar/char_set.h"

namespace mlxserving::grammar {
namespace {

constexpr uint32_t kSpaceTag = 0, kOpenTag = 1, kCloseTag = 2, kEmptyTag = 3, kStartTag = 4, kKeyTag = 5, kValueTag = 6;

CharSet name_start() { return CharSet().add('A', 'Z').add('_').add('a', 'z').add(0xC0, 0xD6).add(0xD8, 0xF6); }

}  // namespace

XmlMachine::XmlMachine(const RuleLimits& limits)
    : Machine(std::make_shared<Workspace>(limits.lexicon)), limits_(limits), elements_(1) {
  RegexPool& pool = lexicon().pool();
  // Without colons: a prefix would have to be declared.
  const RegexId start = spell(pool, name_start(), Spelling::utf8);
  const RegexId rest = spell(pool, name_start().add('0', '9').add('-').add('.'), Spelling::utf8);
  name_ = pool.concat(start, pool.repeat(rest, 0, kNameMax - 1));
  characters_ = pool.repeat(spell(pool, CharSet::all(), Spelling::xml_text), 0, kUnbounded);
  const RegexId quote = pool.literal("\"");
  value_ =
      pool.concat({quote, pool.repeat(spell(pool, CharSet::all(), Spelling::xml_attribute), 0, kUnbounded), quote});
  const RegexId line = pool.concat(pool.literal("\n"), pool.repeat(pool.bytes(ByteSet::of(" \t")), 0, 32));
  space_ = pool.any_of({pool.literal(" "), line});
}

void XmlMachine::begin(std::vector<Config>& out) { enter({Place::open, 0, 0}, out); }

void XmlMachine::enter(const Frame& frame, std::vector<Config>& out) {
  const auto [found, is_new] =
      frame_index_.try_emplace({frame.place, frame.element, frame.seen}, static_cast<ContextId>(frames_.size()));
  if (is_new) {
    exhausted_ = exhausted_ || frames_.size() >= limits_.frames_max;
    frames_.push_back(frame);
  }
  const bool remembers = frame.place == Place::name || frame.place == Place::attribute;
  out.push_back({.lex = text(frame), .context = found->second, .capture = remembers ? workspace().open_capture(0) : 0});
}

LexId XmlMachine::text(const Frame& frame) {
  RegexPool& pool = lexicon().pool();
  const RegexId close = pool.literal(">"), empty = pool.literal("/>");
  switch (frame.place) {
    case Place::open: return lexicon().state({{kStartTag, pool.literal("<")}});
    case Place::name:
      return lexicon().state({{kSpaceTag, pool.concat(name_, space_)},
                              {kOpenTag, pool.concat(name_, close)},
                              {kEmptyTag, pool.concat(name_, empty)}});
    case Place::attribute: {
      std::vector<RegexId> seen;
      for (const std::string& name : seen_sets_[frame.seen]) seen.push_back(pool.literal(name));
      const RegexId fresh = seen.empty() ? name_ : pool.minus(name_, pool.any_of(std::move(seen)));
      return lexicon().state({{kKeyTag, pool.concat(fresh, pool.literal("="))}, {kOpenTag, close}, {kEmptyTag, empty}});
    }
    case Place::value: return lexicon().state({{kValueTag, value_}});
    case Place::after_value: return lexicon().state({{kSpaceTag, space_}, {kOpenTag, close}, {kEmptyTag, empty}});
    case Place::content: {
      const std::string& name = elements_[frame.element].name;
      const RegexId own = name.empty() ? name_ : pool.literal(name);
      return lexicon().state({{kStartTag, pool.concat(characters_, pool.literal("<"))},
                              {kCloseTag, pool.concat({characters_, pool.literal("</"), own, close})}});
    }
  }
  return kDead;
}

// The name that was written, without what ended it; empty where a mask is found, which does without.
std::string XmlMachine::captured_name(CaptureId capture) {
  if (capture == 0) return {};
  std::string name;
  workspace().close_capture(capture, name);
  name.erase(std::min(name.find_first_of(" \n\t/>="), name.size()));
  return name;
}

uint32_t XmlMachine::intern_element(uint32_t above, const std::string& name) {
  const auto [found, is_new] =
      element_index_.try_emplace(std::to_string(above) + ' ' + name, static_cast<uint32_t>(elements_.size()));
  if (is_new) {
    exhausted_ = exhausted_ || elements_.size() >= limits_.frames_max;
    elements_.push_back({above, name});
  }
  return found->second;
}

uint32_t XmlMachine::intern_seen(uint32_t seen, const std::string& name) {
  if (name.empty()) return seen;
  const auto [found, is_new] =
      seen_index_.try_emplace(std::to_string(seen) + ' ' + name, static_cast<uint32_t>(seen_sets_.size()));
  if (is_new) {
    exhausted_ = exhausted_ || seen_sets_.size() >= limits_.frames_max;
    std::vector<std::string> set = seen_sets_[seen];
    set.push_back(name);
    seen_sets_.push_back(std::move(set));
  }
  return found->second;
}

void XmlMachine::after_element(uint32_t element, std::vector<Config>& out) {
  const uint32_t above = elements_[element].above;
  if (above == 0) {
    out.push_back({.lex = kEnd, .context = 0, .capture = 0});
  } else {
    enter({Place::content, above, 0}, out);
  }
}

void XmlMachine::leave(const Config& at, std::vector<Config>& out) {
  const Frame frame = frames_[at.context];
  const std::vector<uint32_t> tags(lexicon().complete_tags(at.lex).begin(), lexicon().complete_tags(at.lex).end());
  for (const uint32_t tag : tags) {
    uint32_t element = frame.element;
    const bool is_named_now = frame.place == Place::name;
    if (is_named_now) element = intern_element(element, captured_name(at.capture));
    switch (tag) {
      case kStartTag: enter({Place::name, element, 0}, out); break;
      case kSpaceTag: enter({Place::attribute, element, frame.seen}, out); break;
      case kOpenTag: enter({Place::content, element, 0}, out); break;
      case kEmptyTag:
      case kCloseTag: after_element(element, out); break;
      case kKeyTag: enter({Place::value, element, intern_seen(frame.seen, captured_name(at.capture))}, out); break;
      case kValueTag: enter({Place::after_value, element, frame.seen}, out); break;
      default: break;
    }
  }
}

}  // namespace mlxserving::grammar
