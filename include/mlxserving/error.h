// Errors as values: what every call that can meet foreign input returns.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace mlxserving {

// What kind of fault it was, by who can mend it. The enumerators are the wire names.
enum class ErrorCode {
  invalid_request,     // the caller's message: a field missing, of the wrong type, out of range
  not_found,           // no such model, file, request
  invalid_model,       // files that are broken or contradict each other
  unsupported_model,   // sound files that this version cannot run
  resource_exhausted,  // memory, queue or another named limit
  cancelled,           // ended by the caller
  timeout,             // ended by a deadline
  io,                  // the file system or the network
  internal,            // our own fault
};

const char* to_string(ErrorCode code);

// `message` says what was wrong, what was seen and what is allowed. `param` names the field, tensor or file at fault,
// or is empty.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string param;
};

// A value or an Error. Asking a failed Result for its value throws std::logic_error: that is the asker's bug.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const { return std::get<1>(state_); }

 private:
  T& checked() {
    if (!ok()) throw std::logic_error("Result has no value: " + error().message);
    return std::get<0>(state_);
  }

  std::variant<T, Error> state_;
};

// Success carries nothing.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace mlxserving
