// GGUF's names of tensors and the checkpoint's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mlxserving::hub {

// What must happen to a tensor besides its new name.
enum class RowOrder : uint8_t {
  as_is,
  rotary_heads,     // llama's q: each head's rows are interleaved pairs, the checkpoint has the two halves
  rotary_kv_heads,  // and its k
};

struct NameRow {
  std::string name;  // "model.layers.0.self_attn.q_proj.weight"
  RowOrder order = RowOrder::as_is;
  bool minus_one = false;  // a Gemma norm: GGUF stores w + 1
};

// `model_type` is config.json's. Nothing for a tensor this architecture has not.
std::optional<NameRow> checkpoint_name(std::string_view gguf_name, std::string_view model_type);

// Tensors whose content went into config.json.
bool is_config_tensor(std::string_view gguf_name);

}  // namespace mlxserving::hub
