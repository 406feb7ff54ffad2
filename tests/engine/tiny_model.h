// A model directory that any machine can make in a moment: a llama of two layers with random weights, a tokenizer of
// bytes, a ChatML template. It babbles, but deterministically, through every part of the engine.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/utf8.h"

namespace mlxserving::test {

struct TinyModelOptions {
  int64_t context = 2048;
  int32_t sliding_window = 0;  // of every layer; 0: none
  bool full_layer = false;     // the last layer has no window all the same
  bool chat_template = true;
  uint32_t seed = 7;
};

constexpr int32_t kTinyVocabulary = 259;  // 256 bytes, then these
constexpr int32_t kTinyEnd = 256;         // <|im_end|>
constexpr int32_t kTinyStart = 257;       // <|im_start|>

class TinyModel {
 public:
  explicit TinyModel(const TinyModelOptions& options = {}) : random_(options.seed) {
    dir_ = std::filesystem::temp_directory_path() /
           ("mlxs-tiny-" + std::to_string(std::random_device{}()) + "-" + std::to_string(options.seed));
    std::filesystem::create_directories(dir_);
    write("config.json", to_text(config(options)));
    write("tokenizer.json", to_text(tokenizer()));
    Json tokenizer_config = {{"eos_token", "<|im_end|>"}};
    if (options.chat_template) tokenizer_config["chat_template"] = kTemplate;
    write("tokenizer_config.json", to_text(tokenizer_config));
    write_weights();
  }
  ~TinyModel() { std::filesystem::remove_all(dir_); }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;

  std::string dir() const { return dir_.string(); }

 private:
  static constexpr int64_t kHidden = 32;
  static constexpr int64_t kInner = 64;
  static constexpr int64_t kKvWidth = 16;
  static constexpr int kLayers = 2;
  static constexpr const char* kTemplate =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor "
      "%}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  static Json config(const TinyModelOptions& options) {
    Json json = {{"model_type", "llama"},
                 {"hidden_size", kHidden},
                 {"intermediate_size", kInner},
                 {"num_hidden_layers", kLayers},
                 {"num_attention_heads", 4},
                 {"num_key_value_heads", 2},
                 {"head_dim", 8},
                 {"vocab_size", kTinyVocabulary},
                 {"max_position_embeddings", options.context},
                 {"rms_norm_eps", 1e-5},
                 {"rope_theta", 10000.0},
                 {"tie_word_embeddings", true},
                 {"eos_token_id", kTinyEnd}};
    if (options.sliding_window > 0) {
      json["sliding_window"] = options.sliding_window;
      json["layer_types"] = std::vector<std::string>(kLayers, "sliding_attention");
      if (options.full_layer) json["layer_types"].back() = "full_attention";
    }
    return json;
  }

  // The printable stand-in of a byte, as GPT-2's tokenizer has it: itself where it prints, else from U+0100 on.
  static std::string byte_character(int byte) {
    const auto prints = [](int b) { return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; };
    int code_point = byte;
    if (!prints(byte)) {
      code_point = 256;
      for (int b = 0; b < byte; ++b) code_point += prints(b) ? 0 : 1;
    }
    std::string text;
    utf8::append(text, static_cast<char32_t>(code_point));
    return text;
  }

  static Json tokenizer() {
    Json vocab = Json::object();
    for (int byte = 0; byte < 256; ++byte) vocab[byte_character(byte)] = byte;
    Json added = Json::array();
    int id = kTinyEnd;
    for (const char* content : {"<|im_end|>", "<|im_start|>", "<|endoftext|>"}) {
      added.push_back({{"id", id++},
                       {"content", content},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
    }
    const Json byte_level = {
        {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer", nullptr},
            {"pre_tokenizer", byte_level},
            {"post_processor", nullptr},
            {"decoder", byte_level},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", nullptr},
              {"end_of_word_suffix", nullptr},
              {"fuse_unk", false},
              {"byte_fallback", false},
              {"ignore_merges", false},
              {"vocab", vocab},
              {"merges", Json::array()}}}};
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(dir_ / name, std::ios::binary) << bytes;
  }

  void add(const std::string& name, std::vector<int64_t> shape, float mean, float deviation) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const size_t begin = data_.size() * sizeof(float);
    std::normal_distribution<float> value(mean, deviation);
    for (int64_t i = 0; i < count; ++i) data_.push_back(value(random_));
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data_.size() * sizeof(float)}}};
  }

  void write_weights() {
    add("model.embed_tokens.weight", {kTinyVocabulary, kHidden}, 0, 1);
    for (int layer = 0; layer < kLayers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      const auto linear = [&](const char* name, int64_t out, int64_t in) {
        add(prefix + name, {out, in}, 0, 1.5F / std::sqrt(static_cast<float>(in)));
      };
      linear("self_attn.q_proj.weight", kHidden, kHidden);
      linear("self_attn.k_proj.weight", kKvWidth, kHidden);
      linear("self_attn.v_proj.weight", kKvWidth, kHidden);
      linear("self_attn.o_proj.weight", kHidden, kHidden);
      linear("mlp.gate_proj.weight", kInner, kHidden);
      linear("mlp.up_proj.weight", kInner, kHidden);
      linear("mlp.down_proj.weight", kHidden, kInner);
      add(prefix + "input_layernorm.weight", {kHidden}, 1, 0.1F);
      add(prefix + "post_attention_layernorm.weight", {kHidden}, 1, 0.1F);
    }
    add("model.norm.weight", {kHidden}, 1, 0.1F);
    const std::string header = header_.dump();
    const uint64_t size = header.size();
    std::ofstream file(dir_ / "model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file << header;
    file.write(reinterpret_cast<const char*>(data_.data()), static_cast<std::streamsize>(data_.size() * sizeof(float)));
  }

  std::filesystem::path dir_;
  std::mt19937 random_;
  Json header_ = Json::object();
  std::vector<float> data_;
};

}  // namespace mlxserving::test
