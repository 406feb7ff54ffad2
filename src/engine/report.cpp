#include "engine/report.h"

#include <vector>

namespace mlxserving::engine {
namespace {

// Four a decade from 0.1 ms to 100 s: a quantile is right within a third.
const std::vector<double> kMilliseconds = {0.1,  0.18, 0.32,  0.56,  1,     1.8,   3.2,   5.6,  10,
                                           18,   32,   56,    100,   180,   320,   560,   1000, 1800,
                                           3200, 5600, 10000, 18000, 32000, 56000, 100000};
const std::vector<double> kRows = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024};

Histogram with_bounds(const std::vector<double>& bounds) {
  return {.bounds = bounds, .counts = std::vector<uint64_t>(bounds.size() + 1), .sum = 0, .count = 0};
}

}  // namespace

Report make_report() {
  Report report;
  Metrics& metrics = report.metrics;
  metrics.batch_rows = with_bounds(kRows);
  for (Histogram* histogram : {&metrics.step_ms, &metrics.host_ms, &metrics.queue_ms, &metrics.first_token_ms,
                               &metrics.inter_token_ms, &metrics.request_ms}) {
    *histogram = with_bounds(kMilliseconds);
  }
  return report;
}

}  // namespace mlxserving::engine
