#include "text/jinja/access.h"

#include <algorithm>

#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/loop.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

// What every Python object has; the sandbox shows none of it.
constexpr std::string_view kInternals[] = {
    "__class__",   "__delattr__", "__dir__",           "__doc__",          "__eq__",
    "__format__",  "__ge__",      "__getattribute__",  "__getstate__",     "__gt__",
    "__hash__",    "__init__",    "__init_subclass__", "__le__",           "__lt__",
    "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",    "__repr__",
    "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__",
};

Value unsafe_undefined(const Value& object, std::string_view name) {
  auto undefined = std::make_shared<Undefined>();
  undefined->hint = fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object));
  undefined->is_security = true;
  return Value::object(Kind::undefined, std::move(undefined));
}

Value bound_method(Rendering& rendering, const Value& self, std::span<const Builtin> table, std::string_view name) {
  const NativeCode code = find_in(table, name);
  if (code == nullptr) return {};
  rendering.step();
  auto method = std::make_shared<Function>();
  method->name = name;
  method->code = code;
  method->self = self;
  method->value_depth = self.value_depth();
  method->weight = self.weight();
  return Value::object(Kind::function, std::move(method));
}

Value number_attribute(const Value& number, std::string_view name) {
  if (name == "real") return positive(number);
  if (name == "imag") return number.is(Kind::real) ? Value::real(0.0) : Value::integer(0);
  if (number.is(Kind::real)) return {};
  if (name == "numerator") return positive(number);
  if (name == "denominator") return Value::integer(1);
  return {};
}

Value range_attribute(const Range& range, std::string_view name) {
  if (name == "start") return Value::integer(range.start);
  if (name == "stop") return Value::integer(range.stop);
  if (name == "step") return Value::integer(range.step);
  return {};
}

Value macro_attribute(Rendering& rendering, const MacroValue& macro, std::string_view name) {
  const Signature& signature = *macro.signature;
  if (name == "name") return Value::string(macro.name);
  if (name == "catch_kwargs") return Value::boolean(signature.kwargs_slot != SIZE_MAX);
  if (name == "catch_varargs") return Value::boolean(signature.varargs_slot != SIZE_MAX);
  if (name == "caller") return Value::boolean(signature.accesses_caller);
  if (name == "explicit_caller") return Value::boolean(signature.explicit_caller);
  if (name != "arguments") return {};
  std::vector<Value> names;
  names.reserve(signature.names.size());
  for (const std::string& each : signature.names) names.push_back(Value::string(each));
  return rendering.make_tuple(std::move(names));
}

Value cycler_attribute(Rendering& rendering, const Value& self, std::string_view name) {
  const Cycler& cycler = self.as<Cycler>();
  if (name == "current") return cycler.items[cycler.position];
  if (name == "pos") return Value::integer(static_cast<int64_t>(cycler.position));
  if (name == "items") return rendering.make_tuple(cycler.items);
  return bound_method(rendering, self, cycler_methods(), name);
}

Value joiner_attribute(const Joiner& joiner, std::string_view name) {
  if (name == "sep") return joiner.separator;
  if (name == "used") return Value::boolean(joiner.used);
  return {};
}

Value tuple_attribute(Rendering& rendering, const Value& tuple, std::string_view name) {
  const Sequence& sequence = tuple.as<Sequence>();
  if (sequence.is_group && name == "grouper") return sequence.items[0];
  if (sequence.is_group && name == "list") return sequence.items[1];
  return bound_method(rendering, tuple, tuple_methods(), name);
}

Value text_method(Rendering& rendering, const Value& text, std::string_view name) {
  if ((name == "striptags" || name == "unescape") && !text.text().markup) return {};
  return bound_method(rendering, text, text_methods(), name);
}

Value function_attribute(Rendering& rendering, const Value& function, std::string_view name) {
  const bool is_dict = function.as<Function>().name == "dict" && name == "fromkeys";
  return is_dict ? bound_method(rendering, function, dict_methods(), name) : Value();
}

}  // namespace

Value python_attribute(Rendering& rendering, const Value& object, std::string_view name) {
  if (name.starts_with("__") && std::find(std::begin(kInternals), std::end(kInternals), name) != std::end(kInternals)) {
    return unsafe_undefined(object, name);
  }
  if (is_unsafe_method(object.kind(), name)) return unsafe_undefined(object, name);
  switch (object.kind()) {
    case Kind::undefined: raise_undefined(object);
    case Kind::string: return text_method(rendering, object, name);
    case Kind::list: return bound_method(rendering, object, list_methods(), name);
    case Kind::tuple: return tuple_attribute(rendering, object, name);
    case Kind::dict: return bound_method(rendering, object, dict_methods(), name);
    case Kind::boolean:
    case Kind::integer: {
      Value value = number_attribute(object, name);
      return value.is_missing() ? bound_method(rendering, object, integer_methods(), name) : value;
    }
    case Kind::real: {
      Value value = number_attribute(object, name);
      return value.is_missing() ? bound_method(rendering, object, real_methods(), name) : value;
    }
    case Kind::range: {
      Value value = range_attribute(object.as<Range>(), name);
      return value.is_missing() ? bound_method(rendering, object, range_methods(), name) : value;
    }
    case Kind::space: {
      const Value* found = object.as<Namespace>().find(name);
      return found != nullptr ? *found : Value();
    }
    case Kind::loop: return object.as<Loop>().attribute(rendering, object, name);
    case Kind::macro: return macro_attribute(rendering, object.as<MacroValue>(), name);
    case Kind::cycler: return cycler_attribute(rendering, object, name);
    case Kind::joiner: return joiner_attribute(object.as<Joiner>(), name);
    case Kind::function: return function_attribute(rendering, object, name);
    case Kind::missing:
    case Kind::none:
    case Kind::view:
    case Kind::iterator:
    case Kind::blocks: break;
  }
  return {};
}

namespace {

Value find_item(Rendering& rendering, const Value& object, const Value& key) {
  if (!object.is(Kind::blocks)) return subscript(rendering, object, key);
  return key.is_string() ? object.as<BlocksValue>().interpreter->block_reference(key.text().bytes) : Value();
}

}  // namespace

Value get_attribute(Rendering& rendering, const Value& object, std::string_view name) {
  Value value = python_attribute(rendering, object, name);
  if (!value.is_missing()) return value;
  if (object.is(Kind::dict)) {
    const Value* found = object.as<Dict>().find(name);
    if (found != nullptr) return *found;
  }
  const Value key = Value::string(name);
  value = find_item(rendering, object, key);
  return value.is_missing() ? make_undefined_attribute(object, key) : value;
}

Value get_item(Rendering& rendering, const Value& object, const Value& key) {
  Value value = find_item(rendering, object, key);
  if (!value.is_missing()) return value;
  if (key.is_string()) value = python_attribute(rendering, object, key.text().bytes);
  return value.is_missing() ? make_undefined_attribute(object, key) : value;
}

Value attribute_path(Rendering& rendering, const Value& item, const Value& path, const Value& fallback) {
  Value value = item;
  const auto step_into = [&](const Value& part) {
    rendering.step();
    value = get_item(rendering, value, part);
    if (!fallback.is_missing() && value.is_undefined()) value = fallback;
  };
  if (!path.is_string()) {
    step_into(path);
    return value;
  }
  std::string_view rest = path.text().bytes;
  for (;;) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    const bool is_number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    step_into(is_number ? Value::integer(BigInteger::from_digits(part, 10)) : Value::string(part));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value call(Rendering& rendering, const Value& function, const Arguments& arguments) {
  rendering.step();
  switch (function.kind()) {
    case Kind::function: {
      const Function& native = function.as<Function>();
      return native.closure ? native.closure(rendering, arguments) : native.code(rendering, native.self, arguments);
    }
    case Kind::macro: {
      // The call may drop the last other holder. NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
      const Value holder = function;
      return holder.as<MacroValue>().interpreter->call_macro(holder.as<MacroValue>(), arguments);
    }
    case Kind::loop: {
      const Parameters given("loop", arguments, {"iterable"}, 1);
      const Loop& loop = function.as<Loop>();
      if (!loop.recurse) {
        raise(FaultKind::type_error, "The loop must have the 'recursive' marker to be called recursively.");
      }
      return loop.recurse(given[0], loop.depth0 + 1);
    }
    case Kind::joiner: {
      check_no_arguments("joiner", arguments);
      auto& joiner = function.as<Joiner>();
      return std::exchange(joiner.used, true) ? joiner.separator : Value::string("");
    }
    case Kind::undefined: raise_undefined(function);
    default: raise(FaultKind::type_error, "'{}' object is not callable", type_name(function));
  }
}

}  // namespace mlxserving::text::jinja
