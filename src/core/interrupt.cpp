#include "core/interrupt.h"

#include <csignal>

#include "core/check.h"
#include "core/result.h"

namespace mlxserving {
namespace {

volatile std::sig_atomic_t signal_seen = 0;
bool scope_open = false;
struct sigaction old_int{};
struct sigaction old_term{};

extern "C" void note_signal(int number) {
  if (signal_seen != 0) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
  signal_seen = 1;
}

}  // namespace

InterruptScope::InterruptScope() {
  check(!scope_open, "one InterruptScope at a time");
  scope_open = true;
  signal_seen = 0;
  struct sigaction action{};
  action.sa_handler = note_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &old_int);
  ::sigaction(SIGTERM, &action, &old_term);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &old_int, nullptr);
  ::sigaction(SIGTERM, &old_term, nullptr);
  scope_open = false;
}

bool InterruptScope::requested() { return signal_seen != 0; }

Result<void> check_interrupt() {
  if (!InterruptScope::requested()) return {};
  return fail(ErrorCode::cancelled, "", "interrupted");
}

}  // namespace mlxserving
