#include "engine/system_report.h"

#include <mlx/device.h>
#include <mlx/version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "core/machine.h"
#include "kernels/dispatch.h"
#include "kernels/thread_pool.h"

namespace mlxserving::engine {
namespace {

std::string system_name() {
  utsname name{};
  if (::uname(&name) != 0) return "";
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

// Of a line "model name : AMD EPYC". Empty where there is no such file.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

int64_t physical_bytes() { return int64_t{::sysconf(_SC_PHYS_PAGES)} * ::sysconf(_SC_PAGE_SIZE); }

// "always [madvise] never": the choice is in brackets.
std::string huge_pages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  const size_t begin = line.find('[');
  const size_t end = line.find(']');
  return begin < end && end != std::string::npos ? line.substr(begin + 1, end - begin - 1) : "";
}

std::string gpu_name() {
  const auto& info = mlx::core::device_info(mlx::core::Device::gpu);
  const auto name = info.find("device_name");
  const auto* text = name == info.end() ? nullptr : std::get_if<std::string>(&name->second);
  return text == nullptr ? "unnamed" : *text;
}

}  // namespace

SystemReport report_system() {
  SystemReport report{.system = system_name(),
                      .processor = processor_name(),
                      .threads = kernels::default_thread_count(),
                      .instruction_sets = {},
                      .kernels = {},
                      .memory_bytes = physical_bytes(),
                      .memory_limit_bytes = memory_bytes() < physical_bytes() ? memory_bytes() : 0,
                      .huge_pages = huge_pages(),
                      .mlx_version = mlx::core::version(),
                      .has_gpu = mlx::core::is_available(mlx::core::Device::gpu),
                      .gpu = {}};
  for (const kernels::Kernels* table : kernels::runnable_kernels()) report.instruction_sets.push_back(table->isa);
  const auto chosen = kernels::choose_kernels_from_environment();
  report.kernels = chosen ? (*chosen)->isa : chosen.error().message;
  if (report.has_gpu) report.gpu = gpu_name();
  return report;
}

}  // namespace mlxserving::engine
