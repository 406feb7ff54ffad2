// The methods of lists, tuples, dicts, ranges, numbers, and of `loop` and cyclers.
#include <cmath>

#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/loop.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

bool matches(Rendering& rendering, const Value& a, const Value& b) {
  rendering.charge_weight(a);
  return is_same(a, b) || equals(a, b);
}

Value sequence_count(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("count", arguments, {"value"}, 1, 1);
  int64_t count = 0;
  const auto items = iterate(rendering, self);
  for (Value item; items->next(rendering, item);) count += matches(rendering, item, given[0]) ? 1 : 0;
  return Value::integer(count);
}

Value sequence_index(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("index", arguments, {"value", "start", "stop"}, 1, 3);
  const int64_t length = length_of(rendering, self);
  const auto place = [length](int64_t index) {
    return index < 0 ? std::max<int64_t>(0, index < -length ? 0 : index + length) : index;
  };
  const int64_t stop = std::min(place(given.integer(2, INT64_MAX)), length);
  for (int64_t i = place(given.integer(1, 0)); i < stop; ++i) {
    if (matches(rendering, subscript(rendering, self, Value::integer(i)), given[0])) return Value::integer(i);
  }
  raise(FaultKind::value_error, "{} is not in {}", repr(given[0]), type_name(self));
}

Value list_copy(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("copy", arguments);
  return self;  // lists never change here: the same one is as good
}

template <ViewOf of>
Value dict_view(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("the method", arguments);
  auto view = std::make_shared<View>();
  view->dict = self;
  view->of = of;
  view->value_depth = self.value_depth() + 1;
  view->weight = self.weight() + 1;
  return Value::object(Kind::view, std::move(view));
}

Value dict_get(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("get", arguments, {"key", "default"}, 1, 2);
  rendering.charge_weight(given[0]);
  const Value* found = self.as<Dict>().find(given[0]);
  if (found != nullptr) return *found;
  return given.has(1) ? given[1] : Value::none();
}

Value dict_copy(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("copy", arguments);
  return self;
}

Value dict_fromkeys(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("fromkeys", arguments, {"iterable", "value"}, 1, 2);
  auto dict = std::make_shared<Dict>();
  const auto keys = iterate(rendering, given[0]);
  for (Value key; keys->next(rendering, key);) {
    dict->insert(key, given.has(1) ? given[1] : Value::none());
    rendering.check_items(dict->entries.size());
  }
  return rendering.make_dict(std::move(dict));
}

Value number_itself(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("conjugate", arguments);
  return positive(self);
}

Value integer_bit_length(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("bit_length", arguments);
  return Value::integer(static_cast<int64_t>(self.big().bits()));
}

Value integer_bit_count(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("bit_count", arguments);
  const std::string digits = self.big().to_digits(2);
  return Value::integer(std::count(digits.begin(), digits.end(), '1'));
}

Value integer_ratio(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("as_integer_ratio", arguments);
  return make_pair(positive(self), Value::integer(1));
}

Value real_is_integer(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("is_integer", arguments);
  return Value::boolean(std::isfinite(self.real()) && self.real() == std::trunc(self.real()));
}

Value loop_cycle(Rendering&, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) raise(FaultKind::type_error, "cycle() takes no keyword arguments");
  if (arguments.positional.empty()) raise(FaultKind::type_error, "no items for cycling given");
  const auto index = static_cast<size_t>(std::max<int64_t>(0, self.as<Loop>().index0));
  return arguments.positional[index % arguments.positional.size()];
}

Value loop_changed(Rendering& rendering, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) raise(FaultKind::type_error, "changed() takes no keyword arguments");
  const Value values = rendering.make_tuple(arguments.positional);
  Loop& loop = self.as<Loop>();
  rendering.charge_weight(values);
  if (equals(loop.last_changed, values)) return Value::boolean(false);
  loop.last_changed = values;
  return Value::boolean(true);
}

Value cycler_next(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("next", arguments);
  Cycler& cycler = self.as<Cycler>();
  const Value item = cycler.items[cycler.position];
  cycler.position = (cycler.position + 1) % cycler.items.size();
  return item;
}

Value cycler_reset(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("reset", arguments);
  self.as<Cycler>().position = 0;
  return Value::none();
}

constexpr Builtin kOfList[] = {{"count", sequence_count}, {"index", sequence_index}, {"copy", list_copy}};
constexpr Builtin kOfTuple[] = {{"count", sequence_count}, {"index", sequence_index}};
constexpr Builtin kOfDict[] = {{"get", dict_get},
                               {"items", dict_view<ViewOf::items>},
                               {"keys", dict_view<ViewOf::keys>},
                               {"values", dict_view<ViewOf::values>},
                               {"copy", dict_copy},
                               {"fromkeys", dict_fromkeys}};
constexpr Builtin kOfInteger[] = {{"bit_length", integer_bit_length},
                                  {"bit_count", integer_bit_count},
                                  {"conjugate", number_itself},
                                  {"as_integer_ratio", integer_ratio}};
constexpr Builtin kOfReal[] = {{"is_integer", real_is_integer}, {"conjugate", number_itself}};
constexpr Builtin kOfLoop[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};
constexpr Builtin kOfCycler[] = {{"next", cycler_next}, {"reset", cycler_reset}};

}  // namespace

std::span<const Builtin> list_methods() { return kOfList; }
std::span<const Builtin> tuple_methods() { return kOfTuple; }
std::span<const Builtin> dict_methods() { return kOfDict; }
std::span<const Builtin> range_methods() { return kOfTuple; }
std::span<const Builtin> integer_methods() { return kOfInteger; }
std::span<const Builtin> real_methods() { return kOfReal; }
std::span<const Builtin> loop_methods() { return kOfLoop; }
std::span<const Builtin> cycler_methods() { return kOfCycler; }

}  // namespace mlxserving::text::jinja
