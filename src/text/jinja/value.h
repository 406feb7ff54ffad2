// Python's values, as far as a template in Jinja's immutable sandbox can meet them.
//
// Strings, lists, tuples and dicts never change once built and are shared. What does change (namespaces, loops,
// cyclers, iterators) belongs to one rendering, which empties it at its end: cycles cannot outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/jinja/big_integer.h"
#include "text/jinja/text.h"

namespace mlxserving::text::jinja {

class Rendering;
class Value;

enum class Kind : uint8_t {
  missing,  // no value at all: an unset variable, an absent argument; never seen by a template
  undefined,
  none,
  boolean,
  integer,  // 64 bits, or a BigInteger as object
  real,
  string,
  list,
  tuple,
  dict,
  range,
  view,      // dict.keys(), .values(), .items()
  iterator,  // consumed once: generators, map, reversed
  function,  // global functions, methods, types
  macro,
  space,  // namespace()
  loop,
  cycler,
  joiner,
  blocks,  // `self`
};

// What a Value points to besides its text.
struct Object {
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  int value_depth = 0;  // containers inside this one
  size_t weight = 1;    // values inside, counted as often as they are reached: what a walk over it costs
};

class Value {
 public:
  Value() = default;  // missing
  static Value none() { return Value(Kind::none); }
  static Value boolean(bool b);
  static Value integer(int64_t i);
  static Value integer(const BigInteger& i);
  static Value real(double d);
  static Value string(TextPtr text);
  static Value string(std::string_view bytes, Trust trust = Trust::yes);
  static Value object(Kind kind, std::shared_ptr<Object> object);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_missing() const { return kind_ == Kind::missing; }
  bool is_undefined() const { return kind_ == Kind::undefined; }
  bool is_none() const { return kind_ == Kind::none; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_integral() const { return kind_ == Kind::integer || kind_ == Kind::boolean; }
  bool is_number() const { return is_integral() || kind_ == Kind::real; }
  bool is_big() const { return kind_ == Kind::integer && pointer_ != nullptr; }

  // Each asks for its own kind; `small` also takes a boolean.
  bool truth() const { return integer_ != 0; }
  int64_t small() const { return integer_; }
  double real() const { return real_; }
  BigInteger big() const;  // any integral value
  const Text& text() const { return *static_cast<const Text*>(pointer_.get()); }
  TextPtr text_pointer() const { return std::static_pointer_cast<const Text>(pointer_); }
  template <typename T>
  T& as() const {
    return *static_cast<T*>(static_cast<Object*>(const_cast<void*>(pointer_.get())));
  }
  const void* identity() const { return pointer_.get(); }
  int value_depth() const;
  size_t weight() const;

 private:
  explicit Value(Kind kind) : kind_(kind), integer_(0) {}

  Kind kind_ = Kind::missing;
  union {
    int64_t integer_ = 0;
    double real_;
  };
  std::shared_ptr<const void> pointer_;  // a Text for strings, else an Object
};

struct BigObject final : Object {
  explicit BigObject(BigInteger value) : value(std::move(value)) {}
  BigInteger value;
};

// jinja2.Undefined: why the value is missing, for the error when it is used.
struct Undefined final : Object {
  std::string hint;         // wins over the other two
  std::string object_type;  // "dict object": what was asked; empty: a variable
  Value name;               // the attribute or key
  bool is_security = false;
};

struct Sequence final : Object {  // list and tuple
  std::vector<Value> items;
  bool is_group = false;  // a tuple of the groupby filter: has .grouper and .list
};

struct Dict final : Object {
  std::vector<std::pair<Value, Value>> entries;   // in order of insertion
  std::unordered_multimap<size_t, size_t> index;  // hash to entry; only past kIndexedFrom entries

  static constexpr size_t kIndexedFrom = 9;
  // Null when absent. A key of a type that has no hash is a Fault.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  // The last value of a key wins and stays at the key's first place.
  void insert(const Value& key, Value value);
};

struct Range final : Object {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
  int64_t size() const;
  int64_t at(int64_t index) const { return start + index * step; }
};

enum class ViewOf : uint8_t { keys, values, items };

struct View final : Object {
  Value dict;
  ViewOf of = ViewOf::keys;
  size_t size() const { return dict.as<Dict>().entries.size(); }
  Value at(size_t index) const;
};

struct Iterator : Object {
  const char* type_name = "generator";
  // False at the end.
  virtual bool next(Rendering& rendering, Value& item) = 0;
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

using NativeCode = Value (*)(Rendering& rendering, const Value& self, const Arguments& arguments);

struct Function final : Object {
  std::string name;
  NativeCode code = nullptr;
  Value self;                                                  // of a method
  std::function<Value(Rendering&, const Arguments&)> closure;  // instead of `code`
  bool is_type = false;                                        // prints as a class
};

struct Namespace final : Object {
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
  void set(const std::string& name, Value value);
};

struct Cycler final : Object {
  std::vector<Value> items;
  size_t position = 0;
};

struct Joiner final : Object {
  Value separator;
  bool used = false;
};

// Containers, with their limits checked by Rendering::make_list and the like; these only wrap.
Value wrap_list(std::shared_ptr<Sequence> items);
Value wrap_tuple(std::shared_ptr<Sequence> items);
Value make_pair(Value first, Value second);

Value make_undefined(std::string hint);
Value make_undefined_name(std::string_view variable);
Value make_undefined_attribute(const Value& object, const Value& name);
[[noreturn]] void raise_undefined(const Value& undefined);

// "str", "list", "NoneType": Python's name of the type.
std::string_view type_name(const Value& value);

// A hash that agrees with `equals`; a Fault for lists, dicts and others that have none.
size_t hash_of(const Value& value);

}  // namespace mlxserving::text::jinja
