#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/check.h"
#include "config/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = parse_yaml(text, "f");
  if (!file && file.error().message.empty()) std::abort();
  for (const FileKind kind : {FileKind::runtime, FileKind::telemetry, FileKind::flags}) check_config(text, "f", kind);
  return 0;
}
