#include "text/jinja/parameters.h"

#include "text/jinja/fault.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {

Parameters::Parameters(std::string_view function, const Arguments& arguments, std::initializer_list<const char*> names,
                       size_t required, size_t keyword_from)
    : values_(names.size()) {
  if (arguments.positional.size() > names.size()) {
    raise(FaultKind::type_error, "{}() takes at most {} arguments ({} given)", function, names.size(),
          arguments.positional.size());
  }
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.named) {
    size_t index = keyword_from;
    while (index < names.size() && names.begin()[index] != name) ++index;
    if (index >= names.size()) {
      raise(FaultKind::type_error, "{}() got an unexpected keyword argument '{}'", function, name);
    }
    if (has(index)) raise(FaultKind::type_error, "{}() got multiple values for argument '{}'", function, name);
    values_[index] = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!has(i)) raise(FaultKind::type_error, "{}() missing required argument '{}'", function, names.begin()[i]);
  }
}

bool Parameters::truth(size_t index, bool fallback) const { return has(index) ? is_true(values_[index]) : fallback; }

int64_t Parameters::integer(size_t index, int64_t fallback) const {
  return has(index) ? as_index(values_[index], "an argument") : fallback;
}

void check_no_arguments(std::string_view function, const Arguments& arguments) {
  if (!arguments.positional.empty() || !arguments.named.empty()) {
    raise(FaultKind::type_error, "{}() takes no arguments", function);
  }
}

}  // namespace mlxserving::text::jinja
