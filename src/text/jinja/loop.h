// The `loop` variable of a for statement.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

struct Loop final : Object {
  // Renders the loop's body over inner items; only for loops marked recursive.
  using Recurse = std::function<Value(const Value& iterable, int64_t depth)>;

  Value iterable;
  std::shared_ptr<Iterator> source;
  int64_t index0 = -1;
  int64_t depth0 = 0;
  Value current;
  Value before;
  Value last_changed;
  Recurse recurse;

  // Moves to the next item; false at the end.
  bool advance(Rendering& rendering, Value& item);
  // Missing at the end.
  Value peek(Rendering& rendering);
  // Of a source without a length: reads it to its end, once.
  int64_t length(Rendering& rendering);
  // An attribute of `loop`; missing when there is none of that name.
  Value attribute(Rendering& rendering, const Value& self, std::string_view name);
  void clear();

 private:
  Value after_;
  std::optional<int64_t> length_;
};

}  // namespace mlxserving::text::jinja
