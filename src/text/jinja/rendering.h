// One rendering of one template: what it has used of its limits, the clock it sees, and the things it may change.
#pragma once

#include <ctime>
#include <memory>
#include <vector>

#include "text/jinja/limits.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

class Rendering {
 public:
  Rendering(const Limits& limits, const std::tm& now) : limits_(limits), now_(now) {}
  Rendering(const Rendering&) = delete;
  Rendering& operator=(const Rendering&) = delete;
  ~Rendering();

  const Limits& limits() const { return limits_; }
  const std::tm& now() const { return now_; }

  void step() {
    if (++steps_ > limits_.steps_max) [[unlikely]]
      fail_steps();
  }
  // Work on `bytes` bytes or `items` items costs steps too.
  void charge_bytes(size_t bytes) { charge_items(bytes / 64); }
  void charge_items(size_t items) {
    steps_ += items;
    step();
  }

  // Counts one evaluation inside another while it lives.
  class Depth {
   public:
    explicit Depth(Rendering& rendering) : rendering_(rendering) {
      if (++rendering_.depth_ > rendering_.limits_.depth_max) rendering_.fail_depth();
    }
    ~Depth() { --rendering_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Rendering& rendering_;
  };

  // Marks a thing as being printed, so that one that contains itself ends.
  class Printing {
   public:
    Printing(Rendering& rendering, const void* what) : rendering_(rendering) {
      for (const void* other : rendering.printing_) is_repeated_ = is_repeated_ || other == what;
      rendering.printing_.push_back(what);
    }
    ~Printing() { rendering_.printing_.pop_back(); }
    Printing(const Printing&) = delete;
    Printing& operator=(const Printing&) = delete;
    bool is_repeated() const { return is_repeated_; }

   private:
    Rendering& rendering_;
    bool is_repeated_ = false;
  };

  TextBuilder text_builder() const { return {limits_.string_bytes_max, "a string"}; }
  Value make_list(std::vector<Value> items);
  Value make_tuple(std::vector<Value> items);
  Value make_dict(std::shared_ptr<Dict> dict);
  Value make_iterator(std::shared_ptr<Iterator> iterator, int source_depth);
  // A thing that can change and so could come to contain itself: emptied when the rendering ends.
  Value make_mutable(Kind kind, std::shared_ptr<Object> object);
  void check_items(size_t items) const;
  // Before walking all of a value.
  void charge_weight(const Value& value) { charge_items(value.weight()); }

  bool autoescape = false;  // inside {% autoescape true %}

 private:
  [[noreturn]] void fail_steps() const;
  [[noreturn]] void fail_depth() const;
  void check_shape(const Value& value) const;

  const Limits limits_;
  const std::tm now_;
  size_t steps_ = 0;
  int depth_ = 0;
  std::vector<Value> mutables_;
  std::vector<const void*> printing_;
};

}  // namespace mlxserving::text::jinja
