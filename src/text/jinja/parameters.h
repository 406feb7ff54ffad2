// Binds a call's arguments to a function's parameters, with Python's errors.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

class Parameters {
 public:
  // `names` in order; the first `required` must be given. Parameters before `keyword_from` are positional only.
  Parameters(std::string_view function, const Arguments& arguments, std::initializer_list<const char*> names,
             size_t required, size_t keyword_from = 0);

  // Missing when not given.
  const Value& operator[](size_t index) const { return values_[index]; }
  bool has(size_t index) const { return !values_[index].is_missing(); }
  // As Python's `if x`; `fallback` when not given.
  bool truth(size_t index, bool fallback) const;
  int64_t integer(size_t index, int64_t fallback) const;

 private:
  std::vector<Value> values_;
};

// No arguments at all.
void check_no_arguments(std::string_view function, const Arguments& arguments);

}  // namespace mlxserving::text::jinja
