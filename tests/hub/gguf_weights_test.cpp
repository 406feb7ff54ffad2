#include "hub/gguf_weights.h"

#include <gtest/gtest.h>

#include "format/gguf_builder.h"

namespace mlxserving::hub {
namespace {

using B = format::GgufBuilder;

constexpr uint32_t kF32 = 0;

// What is said of a file whose tensors are these, rows of eight, in a model of two layers.
std::string fault_of_rows(const std::vector<std::string>& names) {
  B builder;
  for (size_t i = 0; i < names.size(); ++i) builder.tensor(names[i], {8}, kF32, 32 * i);
  const std::string bytes = builder.data(std::string(32 * names.size(), '\0')).build();
  const auto file = format::parse_gguf(std::as_bytes(std::span(bytes)), nullptr, "x.gguf");
  if (!file) return file.error().message;
  const auto weights = weights_from_gguf(*file, {{"model_type", "llama"}, {"num_hidden_layers", 2}}, {});
  return weights ? "" : weights.error().message;
}

TEST(GgufWeights, a_file_that_lacks_a_tensor_of_some_layer_is_refused) {
  EXPECT_EQ(fault_of_rows({"output_norm.weight", "blk.0.attn_norm.weight", "blk.1.attn_norm.weight"}), "");
  EXPECT_EQ(fault_of_rows({"output_norm.weight", "blk.0.attn_norm.weight"}),
            "x.gguf: has no tensor for model.layers.1.input_layernorm.weight: an incomplete file?");
  EXPECT_EQ(fault_of_rows({"output_norm.weight"}),
            "x.gguf: has no tensor for model.layers.0.input_layernorm.weight: an incomplete file?");
  EXPECT_EQ(fault_of_rows({"blk.0.attn_norm.weight", "blk.1.attn_norm.weight"}),
            "x.gguf: has no tensor for model.norm.weight: an incomplete file?");
}

}  // namespace
}  // namespace mlxserving::hub
