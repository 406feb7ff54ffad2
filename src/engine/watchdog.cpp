#include "engine/watchdog.h"

#include <chrono>

#include "core/result.h"

namespace mlxserving::engine {
namespace {

constexpr std::chrono::milliseconds kLook{250};      // within a second of a hang everybody knows
constexpr std::chrono::milliseconds kStopped{1000};  // no look takes that long to come unless nothing runs

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
  HangJudge judge;
  for (auto last = Pulse::Clock::now(); !stopping_;) {
    stop_.wait_until(last + kLook);
    const auto now = Pulse::Clock::now();
    const Pulse::Sign sign = pulse_.read();
    hanging_ = judge.look(sign, now - last) && !sign.dead;
    if (hanging_) fail_streams(step_hangs(sign));
    last = now;
  }
}

bool HangJudge::look(const Pulse::Sign& sign, Pulse::Duration slept) {
  if (sign.age < excused_) excused_ = {};  // a new beat
  if (slept > kStopped) excused_ = sign.age;
  return sign.age - excused_ > sign.allowed;
}

}  // namespace mlxserving::engine
