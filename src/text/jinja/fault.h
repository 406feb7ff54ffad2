// How evaluation ends early. Thrown inside the engine only; Template catches it and returns an Error.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <utility>

namespace mlxserving::text::jinja {

// The class of exception that Python would raise; what a template can tell apart is who catches it.
enum class FaultKind {
  syntax_error,
  undefined_error,
  security_error,
  type_error,
  value_error,
  lookup_error,
  zero_division,
  overflow,
  template_error,  // raise_exception
  runtime_error,   // everything else
  limit,           // a named limit of limits.h: never caught inside
};

struct Fault : std::exception {
  Fault(FaultKind kind, std::string message) : kind(kind), message(std::move(message)) {}
  const char* what() const noexcept override { return message.c_str(); }

  FaultKind kind;
  std::string message;
  int line = 0;  // filled in by the innermost statement
};

template <typename... Args>
[[noreturn]] void raise(FaultKind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Fault(kind, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace mlxserving::text::jinja
