// Every limit of the HTTP server: one row each, from which come the flags of `mlx-serving serve`, docs/http.md and the
// server's behaviour.
#pragma once

#include <cstdint>

namespace mlxserving::net {

struct HttpLimits {
  int64_t connections_max = 2048;
  int64_t header_bytes_max = 16 << 10;
  int64_t body_bytes_max = 32 << 20;
  int64_t bodies_bytes_max = 512 << 20;
  int64_t header_timeout_ms = 10'000;
  int64_t body_timeout_ms = 30'000;
  int64_t idle_timeout_ms = 75'000;
  int64_t write_timeout_ms = 60'000;
  int64_t keep_alive_ms = 5'000;
  int64_t drain_timeout_ms = 30'000;
  int64_t key_requests_max = 256;
  int64_t requests_max = 1024;
};

struct HttpLimit {
  const char* name;  // the flag has '-' for '_'
  int64_t HttpLimits::* member;
  int64_t min;
  int64_t max;
  int status;  // what a client gets who meets it; 0: the connection is closed
  const char* doc;
};

inline constexpr HttpLimit kHttpLimits[] = {
    {"connections_max", &HttpLimits::connections_max, 1, 1 << 20, 503, "Open connections; one more is told so."},
    {"header_bytes_max", &HttpLimits::header_bytes_max, 1 << 10, 1 << 20, 431,
     "Bytes of a request's line and headers."},
    {"body_bytes_max", &HttpLimits::body_bytes_max, 1 << 10, int64_t{1} << 32, 413, "Bytes of one body."},
    {"bodies_bytes_max", &HttpLimits::bodies_bytes_max, 1 << 10, int64_t{1} << 40, 503,
     "Bytes of all bodies that are being received or wait for a worker."},
    {"header_timeout_ms", &HttpLimits::header_timeout_ms, 1, 3'600'000, 408,
     "Milliseconds from the first byte of a request to the end of its headers."},
    {"body_timeout_ms", &HttpLimits::body_timeout_ms, 1, 3'600'000, 408,
     "Milliseconds from the end of the headers to the end of the body."},
    {"idle_timeout_ms", &HttpLimits::idle_timeout_ms, 1, 86'400'000, 0,
     "Milliseconds a connection may wait for its next request."},
    {"write_timeout_ms", &HttpLimits::write_timeout_ms, 1, 86'400'000, 0,
     "Milliseconds in which a client must take what was sent to it."},
    {"keep_alive_ms", &HttpLimits::keep_alive_ms, 10, 3'600'000, 0,
     "Milliseconds without a byte after which a stream gets a comment, also before its first token."},
    {"drain_timeout_ms", &HttpLimits::drain_timeout_ms, 0, 86'400'000, 0,
     "Milliseconds that running requests get after SIGTERM before they are cut."},
    {"key_requests_max", &HttpLimits::key_requests_max, 1, 1 << 20, 429,
     "Generations at once of one API key (of all clients, where there are no keys)."},
    {"requests_max", &HttpLimits::requests_max, 1, 1 << 20, 503, "Generations at once, running and queued."},
};

}  // namespace mlxserving::net
