// Which kernels this machine runs.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernels/kernels.h"
#include "mlxserving/error.h"

namespace mlxserving::kernels {

// The tables of this build that the CPU can run, slowest first; never empty.
std::span<const Kernels* const> runnable_kernels();

// Whether reading weights from 2 MiB pages is faster here than from a mapped file. Measured: on AMD it is (plain reads
// on Zen 4 by 14 to 30 %), on Intel it is not.
bool gains_by_large_pages();

// The table named `isa`; empty: the fastest this CPU can run. Errors: invalid_request, naming what there is.
Result<const Kernels*> choose_kernels(std::string_view isa);

// The same for the environment variable MLXS_FORCE_ISA.
Result<const Kernels*> choose_kernels_from_environment();

}  // namespace mlxserving::kernels
