// The Jinja engine's front door: parse once, render from any thread.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "mlxserving/error.h"
#include "text/jinja/limits.h"
#include "text/jinja/text.h"

namespace mlxserving::text::jinja {

struct Program;

// Bytes [begin, end) of the output.
struct Span {
  size_t begin;
  size_t end;
  bool trusted;
};

struct Rendered {
  std::string text;
  std::vector<Span> spans;  // all of the text, in order, neighbours of unlike trust
};

struct RenderOptions {
  std::tm now{};  // what strftime_now() sees: local time
  // Whether a string of the context, found at `path` ("messages/0/role"), may become special tokens. Absent: none.
  std::function<bool(std::string_view path, std::string_view value)> is_trusted;
};

// The local time of the machine.
std::tm local_time_now();

// Immutable; rendering is const and safe from several threads at once.
class Template {
 public:
  // Errors: invalid_model with the line of a syntax error, resource_exhausted for a limit.
  static Result<Template> parse(std::string_view source, const Limits& limits = {});

  // `context` is an object of variables. Errors: invalid_request where the template raises or a value has the wrong
  // type, resource_exhausted for a limit; the message ends with the line.
  Result<Rendered> render(const Json& context, const RenderOptions& options) const;

 private:
  Template(std::shared_ptr<const Program> program, const Limits& limits)
      : program_(std::move(program)), limits_(limits) {}

  std::shared_ptr<const Program> program_;  // shared by copies of the template
  Limits limits_;
};

}  // namespace mlxserving::text::jinja
