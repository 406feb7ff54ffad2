// Any bytes as a safetensors file: an error, or tensors that lie within them.
#include "format/safetensors.h"

#include <cstdlib>

using namespace mlxserving::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  const auto file = parse_safetensors(bytes, nullptr, "fuzz", {.tensors_max = 1000});
  if (!file) return 0;
  size_t sum = 0;
  for (const Tensor& tensor : file->tensors) {
    if (tensor.bytes.size() != byte_count(tensor)) std::abort();
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<size_t>(byte);
  }
  return sum == SIZE_MAX ? 1 : 0;  // the sum is what makes the reads happen
}
