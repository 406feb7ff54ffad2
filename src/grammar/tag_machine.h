// The machine of structural tags: free text in which a trigger opens a tag, whose content a JSON Schema rules.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/json_machine.h"
#include "grammar/machine.h"
#include "mlxserving/constraint.h"

namespace mlxserving::grammar {

class TagMachine final : public Machine {
 public:
  static constexpr size_t kTagsMax = 512;
  static constexpr size_t kTagBytesMax = 4096;  // of a begin, an end or a trigger

  // Errors: invalid_request where a tag has no begin, a trigger begins no tag, or a schema cannot be enforced (`param`
  // is the tag's index and the pointer in its schema); resource_exhausted.
  static Result<std::unique_ptr<TagMachine>> compile(const StructuralTagConstraint& tags, const JsonLayout& layout,
                                                     const JsonMachine::Limits& limits);

  void begin(std::vector<Config>& out) override;
  void leave(const Config& at, std::vector<Config>& out) override;
  bool is_exhausted() const override;
  TokenTest recalls() const override { return tags_.front().content->recalls(); }
  double fullness() const override;

 private:
  enum class Place : uint8_t { text, content, end, after };
  struct Tag {
    std::unique_ptr<JsonMachine> content;
    RegexId begin = kNothing, end = kEmptyText;
  };
  struct Frame {
    Place place;
    uint32_t tag;
    ContextId inner;  // of the tag's content
    friend bool operator==(const Frame&, const Frame&) = default;
  };

  explicit TagMachine(std::shared_ptr<Workspace> workspace) : Machine(std::move(workspace)) {}

  Result<void> add_tag(const StructuralTag& tag, size_t index, const JsonLayout& layout,
                       const JsonMachine::Limits& limits);
  ContextId intern(const Frame& frame);
  void enter_text(std::vector<Config>& out);
  void wrap(uint32_t tag, const std::vector<Config>& inner, std::vector<Config>& out);
  void after_content(uint32_t tag, std::vector<Config>& out);
  void after_tag(std::vector<Config>& out);

  std::vector<Tag> tags_;
  bool required_ = false, parallel_ = true;
  RegexId free_text_ = kNothing;  // without a trigger
  std::vector<Frame> frames_;
  std::unordered_map<uint64_t, ContextId> frame_index_;
};

}  // namespace mlxserving::grammar
