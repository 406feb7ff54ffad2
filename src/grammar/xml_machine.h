// The machine of any well-formed XML document: end tags name what their start tags opened, and no element has an
// attribute twice.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "grammar/machine.h"
#include "grammar/rule_set.h"

namespace mlxserving::grammar {

// Names are remembered as they are written: an element's until its end tag, attributes' until the tag ends. No
// declaration, comments, instructions or CDATA are written; names have at most kNameMax characters.
class XmlMachine final : public Machine {
 public:
  static constexpr uint32_t kNameMax = 64;

  explicit XmlMachine(const RuleLimits& limits);

  void begin(std::vector<Config>& out) override;
  void leave(const Config& at, std::vector<Config>& out) override;
  bool is_exhausted() const override { return Machine::is_exhausted() || exhausted_; }
  TokenTest recalls() const override {
    return [](std::string_view token) {
      return token.find("</") != std::string_view::npos || std::ranges::count(token, '=') > 1;
    };
  }
  bool recalls_at_once() const override { return true; }
  double fullness() const override {
    return std::max(Machine::fullness(), static_cast<double>(frames_.size()) / static_cast<double>(limits_.frames_max));
  }

 private:
  enum class Place : uint8_t { open, name, attribute, value, after_value, content };
  // `element` is the innermost open one; inside its start tag, `seen` are its attributes so far.
  struct Frame {
    Place place;
    uint32_t element, seen;
  };
  struct Element {
    uint32_t above;
    std::string name;  // empty while it is not known
  };

  void enter(const Frame& frame, std::vector<Config>& out);
  LexId text(const Frame& frame);
  std::string captured_name(CaptureId capture);
  // `element` is closed.
  void after_element(uint32_t element, std::vector<Config>& out);
  uint32_t intern_element(uint32_t above, const std::string& name);
  uint32_t intern_seen(uint32_t seen, const std::string& name);

  RuleLimits limits_;
  RegexId name_, characters_, value_, space_;
  std::vector<Frame> frames_;
  std::map<std::tuple<Place, uint32_t, uint32_t>, ContextId> frame_index_;
  std::vector<Element> elements_;  // 0 is the document
  std::unordered_map<std::string, uint32_t> element_index_;
  std::vector<std::vector<std::string>> seen_sets_{{}};
  std::unordered_map<std::string, uint32_t> seen_index_;
  bool exhausted_ = false;
};

}  // namespace mlxserving::grammar
