#include "text/jinja/rendering.h"

#include "text/jinja/fault.h"
#include "text/jinja/loop.h"

namespace mlxserving::text::jinja {

Rendering::~Rendering() {
  for (const Value& value : mutables_) {
    if (value.is(Kind::space)) value.as<Namespace>().attributes.clear();
    if (value.is(Kind::cycler)) value.as<Cycler>().items.clear();
    if (value.is(Kind::loop)) value.as<Loop>().clear();
  }
}

void Rendering::fail_steps() const {
  throw Fault(FaultKind::limit, fmt::format("a template must render in at most {} steps", limits_.steps_max));
}

void Rendering::fail_depth() const {
  // Thrown from a constructor whose destructor then does not run.
  --const_cast<Rendering*>(this)->depth_;
  throw Fault(FaultKind::limit, fmt::format("a template must evaluate at most {} deep", limits_.depth_max));
}

void Rendering::check_items(size_t items) const {
  if (items > limits_.items_max) {
    raise(FaultKind::limit, "a list, tuple or dict must have at most {} items, got {}", limits_.items_max, items);
  }
}

void Rendering::check_shape(const Value& value) const {
  if (value.value_depth() > limits_.value_depth_max) {
    raise(FaultKind::limit, "values must be nested at most {} deep", limits_.value_depth_max);
  }
  if (value.weight() > limits_.value_weight_max) {
    raise(FaultKind::limit, "a value must hold at most {} values", limits_.value_weight_max);
  }
}

Value Rendering::make_list(std::vector<Value> items) {
  check_items(items.size());
  charge_items(items.size() / 8);
  auto list = std::make_shared<Sequence>();
  list->items = std::move(items);
  Value value = wrap_list(std::move(list));
  check_shape(value);
  return value;
}

Value Rendering::make_tuple(std::vector<Value> items) {
  check_items(items.size());
  charge_items(items.size() / 8);
  auto tuple = std::make_shared<Sequence>();
  tuple->items = std::move(items);
  Value value = wrap_tuple(std::move(tuple));
  check_shape(value);
  return value;
}

Value Rendering::make_dict(std::shared_ptr<Dict> dict) {
  check_items(dict->entries.size());
  charge_items(dict->entries.size() / 8);
  Value value = Value::object(Kind::dict, std::move(dict));
  check_shape(value);
  return value;
}

Value Rendering::make_iterator(std::shared_ptr<Iterator> iterator, int source_depth) {
  iterator->value_depth = source_depth + 1;
  Value value = Value::object(Kind::iterator, std::move(iterator));
  check_shape(value);
  return value;
}

Value Rendering::make_mutable(Kind kind, std::shared_ptr<Object> object) {
  step();
  Value value = Value::object(kind, std::move(object));
  mutables_.push_back(value);
  return value;
}

}  // namespace mlxserving::text::jinja
