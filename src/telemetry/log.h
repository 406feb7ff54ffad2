// What happens, as JSON lines on standard error: {"time", "level", "event", ...}. Never the text of prompts or answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace mlxserving::telemetry {

enum class Level { trace, debug, info, warn, error, off };

std::optional<Level> level_of(std::string_view name);  // "info"; pino's "fatal" and "silent" too

struct LogField {
  const char* name;
  std::variant<std::string, int64_t, double, bool> value;

  LogField(const char* n, std::string v) : name(n), value(std::move(v)) {}
  LogField(const char* n, const char* v) : name(n), value(std::string(v)) {}
  LogField(const char* n, bool v) : name(n), value(v) {}
  LogField(const char* n, double v) : name(n), value(v) {}
  template <typename Integer>
    requires std::is_integral_v<Integer>
  LogField(const char* n, Integer v) : name(n), value(static_cast<int64_t>(v)) {}
};

// Any thread. A reader of standard error that does not read loses the oldest lines and holds nobody up.
class Log {
 public:
  explicit Log(Level level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool is_on(Level level) const { return level >= level_; }
  // `event` says what happened in a few stable words: "model loaded".
  void write(Level level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    write(level, event, std::span<const LogField>(fields.begin(), fields.size()));
  }
  void write(Level level, std::string_view event, std::span<const LogField> fields);
  // Waits until what was written is out, at most this long.
  void drain(std::chrono::milliseconds timeout) const;
  // A line that is no JSON, for those who wait for its text.
  void write_text(std::string_view text);

 private:
  struct Sink;
  Level level_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace mlxserving::telemetry
