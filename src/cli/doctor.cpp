// `mlx-serving doctor`: what this machine is and whether its kernels compute rightly.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/long_command.h"
#include "core/json.h"
#include "engine/system_report.h"
#include "kernels/self_test.h"

namespace mlxserving::cli {
namespace {

using kernels::SelfTestRow;

std::vector<std::string> advice(const engine::SystemReport& system, const std::vector<SelfTestRow>& tests) {
  std::vector<std::string> out;
  for (const SelfTestRow& row : tests) {
    if (row.ok()) continue;
    out.push_back(
        fmt::format("{} computes {} weights wrongly (error {:.1e}, allowed {:.1e}): set MLXS_FORCE_ISA=scalar "
                    "and report it",
                    row.kernel, row.weights, row.error, row.allowed));
  }
  if (system.huge_pages == "never") {
    out.emplace_back(
        "huge pages are off: `echo madvise > /sys/kernel/mm/transparent_hugepage/enabled` makes decoding faster");
  }
  if (!system.has_gpu && system.instruction_sets.size() == 1) {
    out.emplace_back("this CPU has none of the instruction sets our kernels use: expect a few tokens a second");
  }
  return out;
}

Json to_json(const engine::SystemReport& system, const std::vector<SelfTestRow>& tests,
             const std::vector<std::string>& problems) {
  Json rows = Json::array();
  for (const SelfTestRow& row : tests) {
    rows.push_back({{"isa", row.isa},
                    {"kernel", row.kernel},
                    {"weights", row.weights},
                    {"error", row.error},
                    {"allowed", row.allowed},
                    {"ok", row.ok()}});
  }
  return {{"system", system.system},
          {"processor", system.processor},
          {"threads", system.threads},
          {"instruction_sets", system.instruction_sets},
          {"kernels", system.kernels},
          {"memory_bytes", system.memory_bytes},
          {"memory_limit_bytes", system.memory_limit_bytes > 0 ? Json(system.memory_limit_bytes) : Json(nullptr)},
          {"huge_pages", system.huge_pages},
          {"mlx_version", system.mlx_version},
          {"gpu", system.has_gpu ? Json(system.gpu) : Json(nullptr)},
          {"self_test", rows},
          {"advice", problems}};
}

void print(const engine::SystemReport& system, const std::vector<SelfTestRow>& tests,
           const std::vector<std::string>& problems) {
  std::string sets;
  for (const std::string& set : system.instruction_sets) sets += (sets.empty() ? "" : ", ") + set;
  fmt::print("system        {}\n", system.system);
  fmt::print("processor     {}, {} thread{} to compute with\n", system.processor.empty() ? "unknown" : system.processor,
             system.threads, system.threads == 1 ? "" : "s");
  fmt::print("kernels       {} (of {})\n", system.kernels, sets);
  fmt::print("memory        {}, control group {}\n", in_words(static_cast<uint64_t>(system.memory_bytes), "B"),
             system.memory_limit_bytes > 0 ? in_words(static_cast<uint64_t>(system.memory_limit_bytes), "B")
                                           : "without limit");
  fmt::print("huge pages    {}\n", system.huge_pages.empty() ? "unknown" : system.huge_pages);
  fmt::print("MLX           {}\n", system.mlx_version);
  fmt::print("GPU           {}\n", system.has_gpu ? system.gpu : "none: the CPU computes");
  const auto right = std::ranges::count_if(tests, &SelfTestRow::ok);
  fmt::print("self-test     {} of {} kernels agree with scalar\n", right, tests.size());
  for (const std::string& problem : problems) fmt::print("advice        {}\n", problem);
}

Result<int> run_doctor(bool json) {
  const engine::SystemReport system = engine::report_system();
  const std::vector<SelfTestRow> tests = kernels::self_test();
  const std::vector<std::string> problems = advice(system, tests);
  if (json) {
    std::cout << to_text(to_json(system, tests, problems), 2) << "\n";
  } else {
    print(system, tests, problems);
  }
  return std::ranges::all_of(tests, &SelfTestRow::ok) ? kExitOk : kExitFailed;
}

}  // namespace

Runner declare_doctor(CLI::App& command) {
  const auto json = std::make_shared<bool>(false);
  command.add_flag("--json", *json, "Print one JSON object.");
  command.footer("Exit code 1 when a kernel computes wrongly.");
  return [json] { return run_doctor(*json); };
}

}  // namespace mlxserving::cli
