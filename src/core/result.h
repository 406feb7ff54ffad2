// How a Result travels: early return in two macros, and errors built with fmt.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "mlxserving/error.h"

#define MLXS_CONCAT_(a, b) a##b
#define MLXS_CONCAT(a, b) MLXS_CONCAT_(a, b)

// MLXS_TRY(auto config, parse_config(text)): declares `config`, or returns the error from the enclosing function.
#define MLXS_TRY(declaration, expression) MLXS_TRY_(MLXS_CONCAT(mlxs_result_, __LINE__), declaration, expression)
#define MLXS_TRY_(result, declaration, expression) \
  auto result = (expression);                      \
  if (!result) return result.error();              \
  declaration = std::move(result).value()

// MLXS_CHECKED(validate(x)): returns the error of a Result whose value is not wanted.
#define MLXS_CHECKED(expression) \
  if (auto mlxs_checked = (expression); !mlxs_checked) return mlxs_checked.error()

namespace mlxserving {

// fail(ErrorCode::invalid_model, "model.norm.weight", "expected shape [{}], found [{}]", 576, 575)
template <typename... Args>
Error fail(ErrorCode code, std::string param, fmt::format_string<Args...> text, Args&&... args) {
  return {code, fmt::format(text, std::forward<Args>(args)...), std::move(param)};
}

}  // namespace mlxserving
