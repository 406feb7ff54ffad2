#include "engine/watchdog.h"

#include <chrono>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr std::chrono::milliseconds kLook{250};  // within a second of a hang everybody knows

double ms(Pulse::Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

}  // namespace

Error thread_died() {
  return {ErrorCode::internal, "the engine thread has ended and cannot go on; the process must be restarted", ""};
}

Error step_hangs(const Pulse::Sign& sign) {
  return fail(ErrorCode::internal, "", "the engine's step has run for {:.0f} ms and hangs; {:.0f} are allowed",
              ms(sign.age), ms(sign.allowed));
}

Watchdog::Watchdog(const Pulse& pulse) : pulse_(pulse), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  stopping_ = true;
  stop_.ring();
  thread_.join();
}

void Watchdog::watch(const std::shared_ptr<Port>& port) {
  const std::lock_guard lock(mutex_);
  std::erase_if(ports_, [](const std::weak_ptr<Port>& known) { return known.expired(); });
  ports_.push_back(port);
}

void Watchdog::fail_streams(const Error& error) {
  const std::lock_guard lock(mutex_);
  for (const std::weak_ptr<Port>& known : ports_) {
    if (const auto port = known.lock()) port->streams.fail_all(error);
  }
}

void Watchdog::run() {
  while (!stopping_) {
    const Pulse::Sign sign = pulse_.read();
    if (sign.is_late() && !sign.dead) fail_streams(step_hangs(sign));
    stop_.wait_until(Doorbell::Clock::now() + kLook);
  }
}

}  // namespace mlxserving::engine
