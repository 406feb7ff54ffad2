// The functions every template can call.
#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

Value global_range(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("range", arguments, {"start", "stop", "step"}, 1, 3);
  auto range = std::make_shared<Range>();
  const auto bound = [&](size_t index) {
    constexpr int64_t kLargest = int64_t{1} << 61;  // so that no step past the end overflows
    const int64_t value = given.integer(index, 0);
    if (value > kLargest || value < -kLargest) {
      raise(FaultKind::overflow, "range bounds must be within 2**61, got {}", repr(given[index]));
    }
    return value;
  };
  range->start = given.has(1) ? bound(0) : 0;
  range->stop = given.has(1) ? bound(1) : bound(0);
  range->step = given.has(2) ? bound(2) : 1;
  if (range->step == 0) raise(FaultKind::value_error, "range() arg 3 must not be zero");
  const auto items_max = static_cast<int64_t>(rendering.limits().range_items_max);
  if (range->size() > items_max) {
    raise(FaultKind::overflow, "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", items_max);
  }
  return Value::object(Kind::range, std::move(range));
}

// dict(mapping or pairs, **named)
std::shared_ptr<Dict> dict_of(Rendering& rendering, const char* name, const Arguments& arguments) {
  const Parameters given(name, {arguments.positional, {}}, {"mapping"}, 0);
  auto dict = std::make_shared<Dict>();
  if (given[0].is_undefined()) raise_undefined(given[0]);
  if (given.has(0) && given[0].is(Kind::dict)) {
    for (const auto& [key, value] : given[0].as<Dict>().entries) dict->insert(key, value);
  } else if (given.has(0)) {
    const auto pairs = iterate(rendering, given[0]);
    size_t index = 0;
    for (Value item; pairs->next(rendering, item); ++index) {
      if (!is_iterable(item)) {
        raise(FaultKind::type_error, "cannot convert dictionary update sequence element #{} to a sequence", index);
      }
      const std::vector<Value> pair = collect(rendering, item);
      if (pair.size() != 2) {
        raise(FaultKind::value_error, "dictionary update sequence element #{} has length {}; 2 is required", index,
              pair.size());
      }
      dict->insert(pair[0], pair[1]);
      rendering.check_items(dict->entries.size());
    }
  }
  for (const auto& [key, value] : arguments.named) dict->insert(Value::string(key, Trust::no), value);
  return dict;
}

Value global_dict(Rendering& rendering, const Value&, const Arguments& arguments) {
  return rendering.make_dict(dict_of(rendering, "dict", arguments));
}

Value global_namespace(Rendering& rendering, const Value&, const Arguments& arguments) {
  const auto dict = dict_of(rendering, "namespace", arguments);
  auto space = std::make_shared<Namespace>();
  for (const auto& [key, value] : dict->entries) {
    if (!key.is_string()) raise(FaultKind::type_error, "attribute name must be string, not '{}'", type_name(key));
    check_namespace_name(key.text().bytes);
    space->set(key.text().bytes, value);
  }
  return rendering.make_mutable(Kind::space, std::move(space));
}

Value global_raise_exception(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("raise_exception", arguments, {"message"}, 1);
  throw Fault(FaultKind::template_error, to_text(rendering, given[0])->bytes);
}

Value global_strftime_now(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("strftime_now", arguments, {"format"}, 1);
  if (!given[0].is_string()) {
    raise(FaultKind::type_error, "strftime() argument 1 must be str, not {}", type_name(given[0]));
  }
  return Value::string(format_time(rendering, given[0].text()));
}

Value global_cycler(Rendering& rendering, const Value&, const Arguments& arguments) {
  if (!arguments.named.empty()) raise(FaultKind::type_error, "cycler() takes no keyword arguments");
  if (arguments.positional.empty()) raise(FaultKind::runtime_error, "at least one item has to be provided");
  auto cycler = std::make_shared<Cycler>();
  cycler->items = arguments.positional;
  return rendering.make_mutable(Kind::cycler, std::move(cycler));
}

Value global_joiner(Rendering& rendering, const Value&, const Arguments& arguments) {
  const Parameters given("joiner", arguments, {"sep"}, 0);
  auto joiner = std::make_shared<Joiner>();
  joiner->separator = given.has(0) ? given[0] : Value::string(", ");
  return rendering.make_mutable(Kind::joiner, std::move(joiner));
}

Value global_lipsum(Rendering&, const Value&, const Arguments&) {
  raise(FaultKind::runtime_error, "lipsum() is not supported: one request must give one text");
}

constexpr Builtin kGlobals[] = {
    {"range", global_range},
    {"dict", global_dict},
    {"namespace", global_namespace},
    {"raise_exception", global_raise_exception},
    {"strftime_now", global_strftime_now},
    {"cycler", global_cycler},
    {"joiner", global_joiner},
    {"lipsum", global_lipsum},
};

}  // namespace

std::span<const Builtin> globals() { return kGlobals; }

void check_namespace_name(std::string_view name) {
  if (!name.starts_with('_')) return;
  raise(FaultKind::security_error,
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{}'.", name);
}

}  // namespace mlxserving::text::jinja
