// How fast this machine reads memory: the yardstick of decoding, which reads every weight once a token.
#pragma once

namespace mlxserving::cli {

// Bytes a second that `threads` threads read together from buffers far larger than the caches, the best of several
// passes. Takes about half a second and 256 MiB a thread.
double read_bandwidth(int threads);

}  // namespace mlxserving::cli
