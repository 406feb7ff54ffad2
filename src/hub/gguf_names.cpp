#include "hub/gguf_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace mlxserving::hub {
namespace {

// `only` names the model types that have the row, or is empty for all. A row for one model type stands before one for
// all.
struct Row {
  std::string_view gguf;
  std::string_view checkpoint;
  std::string_view only = "";
};

constexpr Row kModelRows[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
};

constexpr Row kLayerRows[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj", "phi3"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm", "qwen3 gemma3_text"},
    {"attn_k_norm", "self_attn.k_norm", "qwen3 gemma3_text"},
    {"post_attention_norm", "post_attention_layernorm", "gemma3_text"},
    {"ffn_norm", "pre_feedforward_layernorm", "gemma3_text"},
    {"post_ffw_norm", "post_feedforward_layernorm", "gemma3_text"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.gate_up_proj", "phi3"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
};

bool has_row(const Row& row, std::string_view model_type) {
  return row.only.empty() || row.only.find(model_type) != std::string_view::npos;
}

template <size_t n>
std::optional<std::string> find(const Row (&rows)[n], std::string_view stem, std::string_view model_type) {
  for (const Row& row : rows) {
    if (row.gguf == stem && has_row(row, model_type)) return std::string(row.checkpoint);
  }
  return std::nullopt;
}

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool is_config_tensor(std::string_view gguf_name) {
  return gguf_name == "rope_freqs.weight" || gguf_name == "rope_factors_long.weight" ||
         gguf_name == "rope_factors_short.weight";
}

std::optional<NameRow> checkpoint_name(std::string_view gguf_name, std::string_view model_type) {
  const size_t dot = gguf_name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view kind = gguf_name.substr(dot + 1);
  if (kind != "weight" && kind != "bias") return std::nullopt;
  std::string_view stem = gguf_name.substr(0, dot);

  NameRow row;
  row.minus_one = model_type == "gemma3_text" && stem.ends_with("_norm");
  if (!stem.starts_with("blk.")) {
    const auto name = find(kModelRows, stem, model_type);
    if (!name) return std::nullopt;
    row.name = fmt::format("{}.{}", *name, kind);
    return row;
  }
  stem.remove_prefix(4);
  const size_t end = stem.find('.');
  if (end == std::string_view::npos || !is_number(stem.substr(0, end))) return std::nullopt;
  const std::string_view layer = stem.substr(0, end);
  stem.remove_prefix(end + 1);
  const auto name = find(kLayerRows, stem, model_type);
  if (!name) return std::nullopt;
  row.name = fmt::format("model.layers.{}.{}.{}", layer, *name, kind);
  if (model_type == "llama" && stem == "attn_q") row.order = RowOrder::rotary_heads;
  if (model_type == "llama" && stem == "attn_k") row.order = RowOrder::rotary_kv_heads;
  return row;
}

}  // namespace mlxserving::hub
