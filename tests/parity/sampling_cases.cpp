// JSON lines in, JSON lines out: the distribution that the sampler draws from, for tests/parity/sampling_parity.py.
// {"k", "params": {knobs}, "logits": [numbers or null for -infinity], "prompt": [ids], "generated": [ids],
// "xtc_exempt": [ids],
//  "dry_breakers": [ids]} -> {"k", "p": [probability of each id]}
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "core/json.h"
#include "sampling/knobs.h"
#include "sampling/sampler.h"

namespace mlxserving::sampling {
namespace {

std::vector<int32_t> ids(const Json& entry, const char* name) {
  return entry.contains(name) ? entry[name].get<std::vector<int32_t>>() : std::vector<int32_t>();
}

Json answer(const Json& entry) {
  const SamplingParams params = *read_knobs(entry["params"]);
  std::vector<float> logits;
  for (const Json& x : entry["logits"]) {
    logits.push_back(x.is_null() ? -std::numeric_limits<float>::infinity() : x.get<float>());
  }
  Sampler sampler(params,
                  {.end_ids = {}, .xtc_exempt = ids(entry, "xtc_exempt"), .dry_breakers = ids(entry, "dry_breakers")});
  sampler.append_prompt(ids(entry, "prompt"));
  for (const int32_t id : ids(entry, "generated")) sampler.append(id);
  Workspace workspace;
  return {{"k", entry["k"]}, {"p", *sampler.distribution(logits, workspace)}};
}

}  // namespace
}  // namespace mlxserving::sampling

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << mlxserving::to_text(mlxserving::sampling::answer(*mlxserving::parse_json(line, "case"))) << "\n";
  }
}
