#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/fault.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {

Value Value::boolean(bool b) {
  Value value(Kind::boolean);
  value.integer_ = b ? 1 : 0;
  return value;
}

Value Value::integer(int64_t i) {
  Value value(Kind::integer);
  value.integer_ = i;
  return value;
}

Value Value::integer(const BigInteger& i) {
  if (const auto small = i.to_int64()) return integer(*small);
  return object(Kind::integer, std::make_shared<BigObject>(i));
}

Value Value::real(double d) {
  Value value(Kind::real);
  value.real_ = d;
  return value;
}

Value Value::string(TextPtr text) {
  Value value(Kind::string);
  value.pointer_ = std::move(text);
  return value;
}

Value Value::string(std::string_view bytes, Trust trust) { return string(make_text(std::string(bytes), trust)); }

Value Value::object(Kind kind, std::shared_ptr<Object> object) {
  Value value(kind);
  value.pointer_ = std::move(object);
  return value;
}

BigInteger Value::big() const { return is_big() ? as<BigObject>().value : BigInteger(integer_); }

int Value::value_depth() const { return pointer_ == nullptr || is_string() ? 0 : as<Object>().value_depth; }

size_t Value::weight() const {
  if (pointer_ == nullptr) return 1;
  return is_string() ? 1 + text().bytes.size() / 64 : as<Object>().weight;
}

const Value* Dict::find(const Value& key) const {
  const size_t hash = hash_of(key);
  if (entries.size() < kIndexedFrom) {
    for (const auto& [name, value] : entries) {
      if (equals(name, key)) return &value;
    }
    return nullptr;
  }
  for (auto [at, end] = index.equal_range(hash); at != end; ++at) {
    if (equals(entries[at->second].first, key)) return &entries[at->second].second;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  const auto matches = [key](const Value& name) { return name.is_string() && name.text().bytes == key; };
  if (entries.size() < kIndexedFrom) {
    for (const auto& [name, value] : entries) {
      if (matches(name)) return &value;
    }
    return nullptr;
  }
  for (auto [at, end] = index.equal_range(std::hash<std::string_view>{}(key)); at != end; ++at) {
    if (matches(entries[at->second].first)) return &entries[at->second].second;
  }
  return nullptr;
}

void Dict::insert(const Value& key, Value value) {
  value_depth = std::max({value_depth, key.value_depth() + 1, value.value_depth() + 1});
  weight += key.weight() + value.weight();
  if (const Value* present = find(key)) {
    *const_cast<Value*>(present) = std::move(value);
    return;
  }
  entries.emplace_back(key, std::move(value));
  if (entries.size() == kIndexedFrom) {
    for (size_t i = 0; i < entries.size(); ++i) index.emplace(hash_of(entries[i].first), i);
  } else if (entries.size() > kIndexedFrom) {
    index.emplace(hash_of(key), entries.size() - 1);
  }
}

int64_t Range::size() const {
  if (step > 0) return start < stop ? (stop - start - 1) / step + 1 : 0;
  return start > stop ? (start - stop - 1) / -step + 1 : 0;
}

Value View::at(size_t index) const {
  const auto& [key, value] = dict.as<Dict>().entries[index];
  switch (of) {
    case ViewOf::keys: return key;
    case ViewOf::values: return value;
    case ViewOf::items: break;
  }
  return make_pair(key, value);
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::set(const std::string& name, Value value) {
  for (auto& [key, present] : attributes) {
    if (key == name) {
      present = std::move(value);
      return;
    }
  }
  attributes.emplace_back(name, std::move(value));
}

namespace {

void measure(Sequence& sequence) {
  for (const Value& item : sequence.items) {
    sequence.value_depth = std::max(sequence.value_depth, item.value_depth() + 1);
    sequence.weight += item.weight();
  }
}

}  // namespace

Value wrap_list(std::shared_ptr<Sequence> items) {
  measure(*items);
  return Value::object(Kind::list, std::move(items));
}

Value wrap_tuple(std::shared_ptr<Sequence> items) {
  measure(*items);
  return Value::object(Kind::tuple, std::move(items));
}

Value make_pair(Value first, Value second) {
  auto pair = std::make_shared<Sequence>();
  pair->items.push_back(std::move(first));
  pair->items.push_back(std::move(second));
  return wrap_tuple(std::move(pair));
}

Value make_undefined(std::string hint) {
  auto undefined = std::make_shared<Undefined>();
  undefined->hint = std::move(hint);
  return Value::object(Kind::undefined, std::move(undefined));
}

Value make_undefined_name(std::string_view variable) {
  auto undefined = std::make_shared<Undefined>();
  undefined->name = Value::string(variable);
  return Value::object(Kind::undefined, std::move(undefined));
}

Value make_undefined_attribute(const Value& object, const Value& name) {
  auto undefined = std::make_shared<Undefined>();
  undefined->object_type = object.is_none() ? "None" : std::string(type_name(object)) + " object";
  undefined->name = name;
  return Value::object(Kind::undefined, std::move(undefined));
}

void raise_undefined(const Value& value) {
  const auto& undefined = value.as<Undefined>();
  const FaultKind kind = undefined.is_security ? FaultKind::security_error : FaultKind::undefined_error;
  if (!undefined.hint.empty()) raise(kind, "{}", undefined.hint);
  const std::string name = repr(undefined.name);
  if (undefined.object_type.empty()) raise(kind, "{} is undefined", name);
  if (!undefined.name.is_string()) raise(kind, "{} has no element {}", undefined.object_type, name);
  raise(kind, "'{}' has no attribute {}", undefined.object_type, name);
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::missing: return "missing";
    case Kind::undefined: return "Undefined";
    case Kind::none: return "NoneType";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::real: return "float";
    case Kind::string: return value.text().markup ? "Markup" : "str";
    case Kind::list: return "list";
    case Kind::tuple: return "tuple";
    case Kind::dict: return "dict";
    case Kind::range: return "range";
    case Kind::view: {
      const ViewOf of = value.as<View>().of;
      return of == ViewOf::keys ? "dict_keys" : of == ViewOf::values ? "dict_values" : "dict_items";
    }
    case Kind::iterator: return value.as<Iterator>().type_name;
    case Kind::function: return value.as<Function>().is_type ? "type" : "builtin_function_or_method";
    case Kind::macro: return "Macro";
    case Kind::space: return "Namespace";
    case Kind::loop: return "LoopContext";
    case Kind::cycler: return "Cycler";
    case Kind::joiner: return "Joiner";
    case Kind::blocks: return "TemplateReference";
  }
  return "object";
}

namespace {

size_t hash_number(double number) {
  // Equal numbers of different types must meet: whole ones hash as integers.
  if (number == std::trunc(number) && std::fabs(number) < 9e18)
    return std::hash<int64_t>{}(static_cast<int64_t>(number));
  return std::hash<double>{}(number);
}

}  // namespace

size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Kind::string: return std::hash<std::string_view>{}(value.text().view());
    case Kind::boolean: return std::hash<int64_t>{}(value.small());
    case Kind::integer:
      return value.is_big() ? hash_number(value.big().to_double()) : std::hash<int64_t>{}(value.small());
    case Kind::real: return hash_number(value.real());
    case Kind::none: return 0x9e3779b9;
    case Kind::undefined: return 0x85ebca6b;
    case Kind::tuple: {
      size_t hash = 0x345678;
      for (const Value& item : value.as<Sequence>().items) hash = hash * 1000003 ^ hash_of(item);
      return hash;
    }
    case Kind::range: return static_cast<size_t>(value.as<Range>().size());
    case Kind::list:
    case Kind::dict: raise(FaultKind::type_error, "unhashable type: '{}'", type_name(value));
    case Kind::view:
      if (value.as<View>().of != ViewOf::values)
        raise(FaultKind::type_error, "unhashable type: '{}'", type_name(value));
      break;
    default: break;
  }
  return std::hash<const void*>{}(value.identity());
}

}  // namespace mlxserving::text::jinja
