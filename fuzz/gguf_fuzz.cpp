// Any bytes as a GGUF file: an error, or metadata and tensors that lie within them, whose blocks can be read, and which
// convert or do not.
#include "format/gguf.h"

#include <algorithm>
#include <cstdlib>

#include "hub/gguf_config.h"
#include "hub/gguf_tokenizer.h"
#include "hub/gguf_weights.h"

using namespace mlxserving::format;
namespace hub = mlxserving::hub;

namespace {

size_t walk_metadata(const GgufFile& file) {
  size_t sum = 0;
  for (const auto& [key, value] : file.metadata) {
    file.number(key);
    if (const auto* text = std::get_if<std::string_view>(&value)) sum += std::count(text->begin(), text->end(), 'a');
    const GgufArray* array = std::get_if<GgufArray>(&value);
    if (array == nullptr) continue;
    for (const std::string_view text : array->strings) sum += std::count(text.begin(), text.end(), 'a');
    for (size_t i = 0; i < array->count && array->strings.empty(); ++i) sum += array->number(i) > 0 ? 1 : 0;
  }
  return sum;
}

size_t walk_tensors(const GgufFile& file) {
  size_t sum = 0;
  for (const GgufTensor& tensor : file.tensors) {
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<size_t>(byte);
    if (!can_dequantize(tensor.type) || tensor.bytes.size() < block_bytes(tensor.type)) continue;
    std::vector<float> values(block_elements(tensor.type));
    dequantize_row(tensor.type, tensor.bytes.data(), values.size(), values.data());
    sum += values.front() > 0 ? 1 : 0;
  }
  return sum;
}

// Everything that conversion derives, but for the files.
void convert(const GgufFile& file) {
  const auto tokenizer = hub::tokenizer_from_gguf(file);
  const auto config = hub::config_from_gguf(file);
  if (!config) return;
  const auto weights = hub::weights_from_gguf(file, *config, {});
  if (!weights) return;
  for (const TensorSource& source : weights->sources) {
    std::vector<std::vector<std::byte>> buffers;
    for (const TensorInfo& info : source.tensors) buffers.emplace_back(byte_count(info));
    const std::vector<std::span<std::byte>> out(buffers.begin(), buffers.end());
    if (!source.fill(out)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = parse_gguf(std::as_bytes(std::span(data, size)), nullptr, "fuzz", {.tensors_max = 1000});
  if (!file) return 0;
  convert(*file);
  const size_t sum = walk_metadata(*file) + walk_tensors(*file);
  return sum == SIZE_MAX ? 1 : 0;  // the sum is what makes the reads happen
}
