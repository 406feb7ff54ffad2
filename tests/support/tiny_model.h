// A model directory that any machine can make in a moment: a llama of two layers with random weights, a tokenizer of
// bytes, a ChatML template. It babbles, but deterministically, through every part of the engine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "core/json.h"
#include "core/utf8.h"
#include "support/model_files.h"

namespace mlxserving::test {

struct TinyModelOptions {
  int64_t context = 2048;
  int32_t sliding_window = 0;  // of every layer; 0: none
  bool full_layer = false;     // the last layer has no window all the same
  bool chat_template = true;
  bool adds_start = false;  // the tokenizer puts <|im_start|> before a text
  uint32_t seed = 7;
};

constexpr int32_t kTinyVocabulary = 259;  // 256 bytes, then these
constexpr int32_t kTinyEnd = 256;         // <|im_end|>
constexpr int32_t kTinyStart = 257;       // <|im_start|>

class TinyModel {
 public:
  explicit TinyModel(const TinyModelOptions& options = {}) {
    dir_ = std::filesystem::temp_directory_path() /
           ("mlxs-tiny-" + std::to_string(std::random_device{}()) + "-" + std::to_string(options.seed));
    files(options).write(dir_);
    Json words = tokenizer();
    if (options.adds_start) words["post_processor"] = start_adder();
    write("tokenizer.json", to_text(words));
    Json tokenizer_config = {{"eos_token", "<|im_end|>"}};
    if (options.chat_template) tokenizer_config["chat_template"] = kTemplate;
    write("tokenizer_config.json", to_text(tokenizer_config));
  }
  ~TinyModel() { std::filesystem::remove_all(dir_); }
  TinyModel(const TinyModel&) = delete;
  TinyModel& operator=(const TinyModel&) = delete;

  std::string dir() const { return dir_.string(); }

 private:
  static constexpr const char* kTemplate =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor "
      "%}"
      "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  static ModelFiles files(const TinyModelOptions& options) {
    ModelFiles files =
        model_files("llama", options.seed,
                    {.vocabulary = kTinyVocabulary, .head = 8, .layers = 2, .tied = true, .embedding_deviation = 1});
    files.config["max_position_embeddings"] = options.context;
    files.config["rope_theta"] = 10000.0;
    files.config["eos_token_id"] = kTinyEnd;
    if (options.sliding_window > 0) {
      files.config["sliding_window"] = options.sliding_window;
      files.config["layer_types"] = {"sliding_attention", options.full_layer ? "full_attention" : "sliding_attention"};
    }
    return files;
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

  static Json start_adder() {
    const std::string start = "<|im_start|>";
    const Json pieces = {{{"SpecialToken", {{"id", start}, {"type_id", 0}}}},
                         {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
    const Json token = {{"id", start}, {"ids", {kTinyStart}}, {"tokens", {start}}};
    return {{"type", "TemplateProcessing"},
            {"single", pieces},
            {"pair", Json::array()},
            {"special_tokens", {{start, token}}}};
  }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(dir_ / name, std::ios::binary) << bytes;
  }

  std::filesystem::path dir_;
};

}  // namespace mlxserving::test
