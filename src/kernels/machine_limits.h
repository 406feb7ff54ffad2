// What this machine can do at most: the yardsticks that kernels are measured against. Each function takes a fraction of
// a second and starts threads of its own; none is for a serving process.
#pragma once

#include <string>
#include <vector>

namespace mlxserving::kernels {

// Bytes a second that `threads` threads read together from 2 MiB pages far larger than the caches, the best of several
// passes. How many streams a core should read at once differs from vendor to vendor: the best number is chosen.
struct ReadBandwidth {
  double bytes_per_second = 0;
  int streams = 0;  // of a thread
};
ReadBandwidth read_bandwidth(int threads);

// Multiplications and additions a second of one kind of instruction, on random numbers: what an instruction costs in
// power, and so the clock, depends on its data. Units this machine lacks are left out; other machines than x86 have
// none.
struct MultiplyPeak {
  std::string unit;  // "f32 fma", "bf16 vdpbf16ps", "int8 vpdpbusd", "bf16 amx"
  double operations_per_second = 0;
};
std::vector<MultiplyPeak> multiply_peaks(int threads);

// From waking one spinning thread to seeing its answer, the median: tells whether two virtual cores share a cache.
double fork_join_seconds();

}  // namespace mlxserving::kernels
