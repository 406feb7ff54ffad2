// Stop strings and an answer cut at foreign places: the pieces together are the answer, whatever the cuts. The input is
// zero-separated: stops, then the text; the first byte says how many stops and where to cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "text/stop_matcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t stop_count = data[0] % 8;
  const size_t piece_bytes = 1 + data[0] / 8;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::vector<std::string> stops;
  while (stops.size() < stop_count && !rest.empty()) {
    const size_t end = std::min(rest.find('\0'), rest.size());
    stops.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  auto whole = mlxserving::text::StopMatcher::create(stops, {});
  auto cut = mlxserving::text::StopMatcher::create(stops, {});
  if (!whole) return 0;
  const auto at_once = whole->feed(rest);
  std::string expected(at_once.text);
  if (!at_once.stopped) expected += whole->flush();
  std::string streamed;
  bool stopped = false;
  for (size_t at = 0; at < rest.size() && !stopped; at += piece_bytes) {
    const auto step = cut->feed(rest.substr(at, piece_bytes));
    streamed += step.text;
    stopped = step.stopped;
  }
  if (!stopped) streamed += cut->flush();
  if (streamed != expected || stopped != at_once.stopped) std::abort();
  return 0;
}
