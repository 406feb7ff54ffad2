#include "telemetry/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/json.h"

namespace mlxserving::telemetry {
namespace {

constexpr size_t kQueuedLinesMax = 8192;

constexpr std::pair<std::string_view, Level> kLevels[] = {
    {"trace", Level::trace}, {"debug", Level::debug}, {"info", Level::info}, {"warn", Level::warn},
    {"error", Level::error}, {"fatal", Level::error}, {"off", Level::off},   {"silent", Level::off}};

std::string_view name_of(Level level) {
  for (const auto& [name, known] : kLevels) {
    if (known == level) return name;
  }
  return "info";
}

std::string now_text() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     milliseconds);
}

}  // namespace

std::optional<Level> level_of(std::string_view name) {
  for (const auto& [known, level] : kLevels) {
    if (known == name) return level;
  }
  return std::nullopt;
}

struct Log::Sink {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kQueuedLinesMax, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("mlx-serving", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool,
                                             spdlog::async_overflow_policy::overrun_oldest);
};

Log::Log(Level level) : level_(level) {
  if (level == Level::off) return;
  sink_ = std::make_unique<Sink>();
  sink_->logger->set_pattern("%v");
}

Log::~Log() = default;

void Log::write(Level level, std::string_view event, std::span<const LogField> fields) {
  if (!is_on(level) || level == Level::off) return;
  Json line = {{"time", now_text()}, {"level", name_of(level)}, {"event", event}};
  for (const LogField& field : fields) {
    const auto* text = std::get_if<std::string>(&field.value);
    if (text != nullptr && text->empty()) continue;  // a fact that does not apply
    std::visit([&](const auto& value) { line[field.name] = value; }, field.value);
  }
  write_text(to_text(line));
}

void Log::drain(std::chrono::milliseconds timeout) const {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (sink_ != nullptr && sink_->pool->queue_size() > 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Log::write_text(std::string_view text) {
  if (sink_ != nullptr) sink_->logger->log(spdlog::level::critical, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace mlxserving::telemetry
