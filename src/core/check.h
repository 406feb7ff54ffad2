// Invariants: what cannot be false unless we are wrong.
#pragma once

#include <stdexcept>
#include <string>

namespace mlxserving {

// A broken invariant: fails the running requests, not the process (caught at the four places of docs/architecture.md).
struct BrokenInvariant : std::logic_error {
  using std::logic_error::logic_error;
};

inline void check(bool condition, const char* what) {
  if (!condition) [[unlikely]]
    throw BrokenInvariant(std::string("broken invariant: ") + what);
}

}  // namespace mlxserving
