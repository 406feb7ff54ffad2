// The names of what a lazy array would run: every architecture's decode graph is held to an allow-list with it, so that
// no slow fallback of MLX's CPU backend slips in.
#pragma once

#include <mlx/array.h>
#include <mlx/device.h>
#include <mlx/primitives.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace mlxserving::nn::testing {

// How often each CPU primitive occurs in the unevaluated graph behind `outputs`.
inline std::map<std::string, int> cpu_primitives(std::vector<mlx::core::array> outputs) {
  std::map<std::string, int> names;
  std::unordered_set<std::uintptr_t> seen;  // array ids; siblings of one primitive count once
  while (!outputs.empty()) {
    const mlx::core::array x = outputs.back();
    outputs.pop_back();
    if (!seen.insert(x.id()).second || !x.has_primitive()) continue;
    for (const auto& sibling : x.siblings()) seen.insert(sibling.id());
    if (x.primitive().device() == mlx::core::Device::cpu) ++names[x.primitive().name()];
    outputs.insert(outputs.end(), x.inputs().begin(), x.inputs().end());
  }
  return names;
}

// What CpuOps makes.
inline const std::set<std::string>& cpu_ops_primitives() {
  static const std::set<std::string> names = {"embed",     "linears",         "rms_norm",    "add",
                                              "gated",     "soft_cap",        "select_rows", "logits",
                                              "attention", "attention_block", "mlp_block",   "decoder_layers"};
  return names;
}

// The CPU primitives of the graph that `allowed` lacks, as "name x count".
inline std::vector<std::string> forbidden_primitives(const mlx::core::array& output,
                                                     const std::set<std::string>& allowed = cpu_ops_primitives()) {
  std::vector<std::string> found;
  for (const auto& [name, count] : cpu_primitives({output})) {
    if (!allowed.contains(name)) found.push_back(name + " x " + std::to_string(count));
  }
  return found;
}

}  // namespace mlxserving::nn::testing
