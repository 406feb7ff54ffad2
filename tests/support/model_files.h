// Tiny random models as files: what loading is tested on, and what engines serve in tests.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/json.h"

namespace mlxserving::test {

struct FileTensor {
  std::string dtype;  // "F32"
  std::vector<int64_t> shape;
  std::string bytes;
};
using FileTensors = std::map<std::string, FileTensor>;

inline FileTensor random_f32(std::vector<int64_t> shape, std::mt19937& random, float mean = 0.0F,
                             float deviation = 0.2F) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::normal_distribution<float> normal(mean, deviation);
  FileTensor out{.dtype = "F32", .shape = std::move(shape), .bytes = std::string(static_cast<size_t>(count) * 4, '\0')};
  for (int64_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::memcpy(out.bytes.data() + i * 4, &value, 4);
  }
  return out;
}

inline std::string safetensors(const FileTensors& tensors) {
  Json header = Json::object();
  std::string body;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.dtype},
                    {"shape", tensor.shape},
                    {"data_offsets", {body.size(), body.size() + tensor.bytes.size()}}};
    body += tensor.bytes;
  }
  const std::string text = to_text(header);
  const uint64_t length = text.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + text + body;
}

// Change `config` and `tensors`, then write.
struct ModelFiles {
  Json config;
  FileTensors tensors;

  // Gives the directory.
  std::string write(const std::filesystem::path& directory) const {
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "config.json") << to_text(config);
    std::ofstream(directory / "model.safetensors", std::ios::binary) << safetensors(tensors);
    return directory.string();
  }
};

struct TinyShape {
  int64_t vocabulary = 48;
  int64_t head = 16;
  int layers = 4;
  bool tied = false;
  float embedding_deviation = 0.2F;
};

// Every architecture of the registry, by model_type.
inline ModelFiles model_files(const std::string& model_type, uint32_t seed = 1, const TinyShape& shape = {}) {
  std::mt19937 random(seed);
  constexpr int64_t kHidden = 32;
  constexpr int64_t kInner = 64;
  constexpr int64_t kHeads = 4;
  constexpr int64_t kKvHeads = 2;
  const bool is_gemma = model_type.starts_with("gemma3");
  const bool is_phi = model_type == "phi3";
  ModelFiles out;
  out.config = {{"model_type", model_type},
                {"vocab_size", shape.vocabulary},
                {"hidden_size", kHidden},
                {"intermediate_size", kInner},
                {"num_hidden_layers", shape.layers},
                {"num_attention_heads", kHeads},
                {"num_key_value_heads", kKvHeads},
                {"head_dim", shape.head},
                {"max_position_embeddings", 512},
                {"rms_norm_eps", 1e-5},
                {"tie_word_embeddings", shape.tied}};
  if (is_gemma) {
    out.config["sliding_window"] = 8;
    out.config["sliding_window_pattern"] = 2;
    out.config["query_pre_attn_scalar"] = shape.head;
  }
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    out.tensors[name] = random_f32(std::move(shape), random);
  };
  const auto norm = [&](const std::string& path, int64_t width) {
    out.tensors[path + ".weight"] = random_f32({width}, random, is_gemma ? 0.0F : 1.0F);
  };
  out.tensors["model.embed_tokens.weight"] =
      random_f32({shape.vocabulary, kHidden}, random, 0.0F, shape.embedding_deviation);
  if (!shape.tied) add("lm_head.weight", {shape.vocabulary, kHidden});
  norm("model.norm", kHidden);
  for (int i = 0; i < shape.layers; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    norm(layer + "input_layernorm", kHidden);
    norm(layer + "post_attention_layernorm", kHidden);
    if (is_gemma) {
      norm(layer + "pre_feedforward_layernorm", kHidden);
      norm(layer + "post_feedforward_layernorm", kHidden);
    }
    if (is_gemma || model_type == "qwen3") {
      norm(layer + "self_attn.q_norm", shape.head);
      norm(layer + "self_attn.k_norm", shape.head);
    }
    if (is_phi) {
      add(layer + "self_attn.qkv_proj.weight", {(kHeads + 2 * kKvHeads) * shape.head, kHidden});
      add(layer + "mlp.gate_up_proj.weight", {2 * kInner, kHidden});
    } else {
      add(layer + "self_attn.q_proj.weight", {kHeads * shape.head, kHidden});
      add(layer + "self_attn.k_proj.weight", {kKvHeads * shape.head, kHidden});
      add(layer + "self_attn.v_proj.weight", {kKvHeads * shape.head, kHidden});
      add(layer + "mlp.gate_proj.weight", {kInner, kHidden});
      add(layer + "mlp.up_proj.weight", {kInner, kHidden});
    }
    if (model_type == "qwen2") {
      add(layer + "self_attn.q_proj.bias", {kHeads * shape.head});
      add(layer + "self_attn.k_proj.bias", {kKvHeads * shape.head});
      add(layer + "self_attn.v_proj.bias", {kKvHeads * shape.head});
    }
    add(layer + "self_attn.o_proj.weight", {kHidden, kHeads * shape.head});
    add(layer + "mlp.down_proj.weight", {kHidden, kInner});
  }
  return out;
}

// Replaces a dense layer's tensors by ones of the shapes of affine 4 bits by 32.
inline void pack_4_by_32(ModelFiles& model, const std::string& path) {
  FileTensor weight = model.tensors.at(path + ".weight");
  std::mt19937 random(3);
  const int64_t out = weight.shape[0];
  const int64_t in = weight.shape[1];
  std::string codes(static_cast<size_t>(out * in / 2), '\0');
  for (char& c : codes) c = static_cast<char>(random());
  model.tensors[path + ".weight"] = {.dtype = "U32", .shape = {out, in / 8}, .bytes = codes};
  model.tensors[path + ".scales"] = random_f32({out, in / 32}, random);
  model.tensors[path + ".biases"] = random_f32({out, in / 32}, random);
}

}  // namespace mlxserving::test
