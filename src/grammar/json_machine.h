// The machine of a JSON Schema: writes one value byte by byte while every schema that speaks about it keeps its verdict
// open, and refuses a byte as soon as the whole cannot come true any more.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "grammar/json_options.h"
#include "grammar/json_plan.h"
#include "grammar/machine.h"

namespace mlxserving::grammar {

class JsonMachine final : public Machine {
 public:
  struct Limits {
    SchemaLimits schema;
    Lexicon::Limits lexicon;
    size_t frames_max = 500'000;
  };

  // Errors: invalid_request, with the JSON pointer of the keyword that cannot be enforced as `param`, or that the
  // schema is unsatisfiable; resource_exhausted where a limit is reached.
  static Result<std::unique_ptr<JsonMachine>> compile(std::string_view schema, const JsonLayout& layout,
                                                      const Limits& limits);
  // As part of a larger machine, whose workspace it uses.
  static Result<std::unique_ptr<JsonMachine>> compile(std::string_view schema, const JsonLayout& layout,
                                                      const Limits& limits, std::shared_ptr<Workspace> workspace);

  void begin(std::vector<Config>& out) override;
  void leave(const Config& at, std::vector<Config>& out) override;
  bool is_exhausted() const override { return Machine::is_exhausted() || exhausted_ || plans_->is_exhausted(); }
  TokenTest recalls() const override {
    return [](std::string_view token) { return token.find_first_of("\"]},") != std::string_view::npos; };
  }
  bool recalls_at(const Config& at, std::string_view token) override;
  double fullness() const override {
    return std::max(Machine::fullness(), static_cast<double>(frames_.size()) / static_cast<double>(limits_.frames_max));
  }

 private:
  // Where one is in an object or array. The *_value ones stand before or inside a value, which `child` describes.
  enum class Mode : uint8_t {
    root_value,
    object_first,
    object_key,
    object_value,
    object_after,
    array_first,
    array_value,
    array_after
  };
  using FrameId = ContextId;
  using ChildId = uint32_t;
  static constexpr FrameId kNoFrame = UINT32_MAX;
  static constexpr ChildId kNoChild = UINT32_MAX;

  struct Frame {
    Mode mode = Mode::root_value;
    bool must_hold = true;        // every obligation must: the frame above fails with any
    bool child_must_hold = true;  // the same of the value that is read
    FrameId parent = 0;
    PlanId plan = 0;
    uint32_t position = 0;  // keys before this index are decided
    uint32_t count = 0;     // properties or items, saturated
    ChildId child = 0;
    uint32_t seen = 0;                // values or extra keys that must not come again
    std::vector<uint64_t> failed;     // tracks whose own keywords are broken, a bit each
    std::vector<uint64_t> present;    // watched keys, a bit each
    std::vector<uint32_t> contained;  // for each of the plan's contains, saturated
    friend bool operator==(const Frame&, const Frame&) = default;

    bool has_failed(TrackIndex t) const { return (failed[t >> 6] >> (t & 63)) & 1; }
    void fail(TrackIndex t) { failed[t >> 6] |= uint64_t{1} << (t & 63); }
    bool is_present(uint32_t key) const { return (present[key >> 6] >> (key & 63)) & 1; }
  };

  // What the value of a key or an item must be judged by, and whom the verdicts concern.
  struct Child {
    struct Use {
      TrackIndex track;
      std::vector<uint32_t> verdicts;  // of the child's obligations: all must hold, or the track fails
      friend bool operator==(const Use&, const Use&) = default;
    };
    PlanId plan = 0;
    std::vector<Use> uses;
    std::vector<std::pair<uint32_t, std::optional<uint32_t>>>
        contains;  // of the plan's contains, the verdict (always true if none)
    friend bool operator==(const Child&, const Child&) = default;
  };

  using Verdicts = std::vector<Tri>;

  JsonMachine(const JsonLayout& layout, const Limits& limits, std::shared_ptr<Workspace> workspace);
  Result<void> check_cycles() const;

  FrameId intern(Frame frame);
  ChildId intern(Child child);
  const Frame& frame(FrameId id) const { return *frames_[id]; }
  Plan& plan_of(const Frame& frame) { return (*plans_)[frame.plan]; }
  const Schema& schema_of(const Plan& plan, TrackIndex t) const { return (*graph_)[plan.tracks[t].schema]; }

  // Verdicts
  Verdicts open_verdicts(const Frame& frame);
  Verdicts final_verdicts(const Frame& frame);
  bool is_settled(const Frame& frame, const Plan& plan, TrackIndex t);
  Verdicts of_obligations(const Frame& frame, Verdicts own, bool is_final);
  Tri presence(const Frame& frame, const std::string& key, bool is_final);
  bool is_viable(const Frame& frame);
  bool is_viable_with(const Frame& frame, const Verdicts& child);
  bool is_viable_above(const Frame& frame, const Verdicts& obligations);
  void decide_child_must_hold(Frame& frame);
  bool is_own_conjunction(const Frame& frame);

  // Moves between frames
  std::optional<Frame> opened(FrameId parent, uint8_t kind);
  std::optional<Frame> with_child(Frame frame, Child child, const std::vector<std::vector<SchemaId>>& schemas);
  std::optional<Frame> at_key(const Frame& frame, uint32_t key);
  std::optional<Frame> at_extra(const Frame& frame, uint32_t extra);
  bool skip_key(Frame& frame, uint32_t key);
  bool is_decided(const Frame& frame, uint32_t key) const;
  bool is_any_order() const { return layout_.order == JsonLayout::Order::any; }
  bool may_come(const Frame& frame, uint32_t key);
  void add_property(Frame& frame);
  std::optional<Frame> at_item(const Frame& frame);
  FrameId after_value(FrameId id, const Verdicts& verdicts, const std::string* text);
  FrameId closed(FrameId id, const std::string* text);
  uint32_t with_seen(uint32_t seen, const std::string& value);

  // Terminals
  LexId space();
  LexId body(FrameId id);
  LexId value_text(FrameId id);
  LexId key_text(FrameId id);
  LexId after_text(FrameId id);
  RegexId gap(FrameId id, bool is_closing);
  uint32_t depth(FrameId id) const;
  RegexId excluded_values(const Frame& frame);
  bool remembers_keys(const Frame& frame);
  bool may_repeat_items(Frame at);
  bool remembers_items(const Frame& frame);
  bool may_close_after_item(const Frame& frame);
  void enter(FrameId id, CaptureId capture, std::vector<Config>& out);
  void leave_value(const Config& at, uint32_t tag, std::vector<Config>& out);
  void leave_key(const Config& at, uint32_t tag, std::vector<Config>& out);
  void finish(FrameId id, CaptureId capture, std::vector<Config>& out);

  JsonLayout layout_;
  Limits limits_;
  std::unique_ptr<SchemaGraph> graph_;
  std::unique_ptr<JsonPlans> plans_;
  std::vector<std::unique_ptr<Frame>> frames_;
  std::unordered_multimap<uint64_t, FrameId> frame_index_;
  std::vector<Child> children_;
  std::unordered_multimap<uint64_t, ChildId> child_index_;
  std::vector<std::vector<std::string>> seen_sets_{{}};
  std::unordered_map<std::string, uint32_t> seen_index_;
  std::unordered_map<FrameId, LexId> body_, after_;
  std::unordered_map<FrameId, FrameId> closed_;
  bool exhausted_ = false;
};

// JSON of the same value has the same text.
std::string canonical_json(std::string_view text);

}  // namespace mlxserving::grammar
