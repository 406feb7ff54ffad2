// Ctrl-C as a flag that long work reads between its steps.
#pragma once

#include "mlxserving/error.h"

namespace mlxserving {

// While one lives, SIGINT and SIGTERM set a flag instead of ending the process; a second signal ends it at once. At
// most one at a time. The old handlers come back with its end.
class InterruptScope {
 public:
  InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  ~InterruptScope();

  static bool requested();
};

// The error `cancelled` once a signal has come.
Result<void> check_interrupt();

}  // namespace mlxserving
