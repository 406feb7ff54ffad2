#include "text/jinja/loop.h"

#include "text/jinja/builtins.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

// A list read to its end, given out again.
class Remaining final : public Iterator {
 public:
  explicit Remaining(std::vector<Value> items) : items_(std::move(items)) {}
  bool next(Rendering& rendering, Value& item) override {
    rendering.step();
    if (at_ == items_.size()) return false;
    item = items_[at_++];
    return true;
  }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

bool has_length(const Value& value) { return is_iterable(value) && !value.is(Kind::iterator); }

}  // namespace

bool Loop::advance(Rendering& rendering, Value& item) {
  if (!after_.is_missing()) {
    item = std::move(after_);
    after_ = Value();
  } else if (!source->next(rendering, item)) {
    return false;
  }
  ++index0;
  before = std::move(current);
  current = item;
  return true;
}

Value Loop::peek(Rendering& rendering) {
  if (after_.is_missing()) {
    Value item;
    if (source->next(rendering, item)) after_ = std::move(item);
  }
  return after_;
}

int64_t Loop::length(Rendering& rendering) {
  if (length_) return *length_;
  if (has_length(iterable)) {
    length_ = length_of(rendering, iterable);
    return *length_;
  }
  std::vector<Value> rest;
  for (Value item; source->next(rendering, item);) {
    rest.push_back(item);
    rendering.check_items(rest.size());
  }
  length_ = static_cast<int64_t>(rest.size()) + index0 + 1 + (after_.is_missing() ? 0 : 1);
  source = std::make_shared<Remaining>(std::move(rest));
  return *length_;
}

Value Loop::attribute(Rendering& rendering, const Value& self, std::string_view name) {
  if (name == "index") return Value::integer(index0 + 1);
  if (name == "index0") return Value::integer(index0);
  if (name == "first") return Value::boolean(index0 == 0);
  if (name == "last") return Value::boolean(peek(rendering).is_missing());
  if (name == "length") return Value::integer(length(rendering));
  if (name == "revindex") return Value::integer(length(rendering) - index0);
  if (name == "revindex0") return Value::integer(length(rendering) - index0 - 1);
  if (name == "depth") return Value::integer(depth0 + 1);
  if (name == "depth0") return Value::integer(depth0);
  if (name == "previtem") return index0 == 0 ? make_undefined("there is no previous item") : before;
  if (name == "nextitem") {
    const Value next = peek(rendering);
    return next.is_missing() ? make_undefined("there is no next item") : next;
  }
  if (const NativeCode code = find_in(loop_methods(), name)) {
    auto method = std::make_shared<Function>();
    method->name = name;
    method->code = code;
    method->self = self;
    return Value::object(Kind::function, std::move(method));
  }
  return {};
}

void Loop::clear() {
  iterable = current = before = last_changed = after_ = Value();
  source.reset();
  recurse = nullptr;
}

}  // namespace mlxserving::text::jinja
