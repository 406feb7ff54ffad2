#include "hub/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include "format/gguf_builder.h"

namespace mlxserving::hub {
namespace {

using B = format::GgufBuilder;

constexpr uint32_t kU32 = 4;
constexpr uint32_t kI32 = 5;
constexpr uint32_t kF32 = 6;
constexpr uint32_t kBool = 7;
constexpr uint32_t kString = 8;
constexpr uint32_t kArray = 9;

std::string strings(const std::vector<std::string>& values) {
  std::string bytes = B::raw(kString) + B::raw<uint64_t>(values.size());
  for (const std::string& value : values) bytes += B::text(value);
  return bytes;
}

template <typename T>
std::string numbers(uint32_t type, const std::vector<T>& values) {
  std::string bytes = B::raw(type) + B::raw<uint64_t>(values.size());
  for (const T value : values) bytes += B::raw(value);
  return bytes;
}

Result<TokenizerFiles> convert(const B& builder) {
  const std::string bytes = builder.build();
  const auto file = format::parse_gguf(std::as_bytes(std::span(bytes)), nullptr, "x.gguf");
  EXPECT_TRUE(file) << file.error().message;
  return tokenizer_from_gguf(*file);
}

std::string error_of(const B& builder) {
  const auto files = convert(builder);
  return files ? "" : files.error().message;
}

B byte_level(const std::vector<std::string>& tokens, const std::vector<int32_t>& kinds,
             const std::string& pre = "smollm") {
  B builder;
  builder.key("tokenizer.ggml.model", kString, B::text("gpt2"));
  builder.key("tokenizer.ggml.pre", kString, B::text(pre));
  builder.key("tokenizer.ggml.tokens", kArray, strings(tokens));
  return builder.key("tokenizer.ggml.token_type", kArray, numbers(kI32, kinds));
}

TEST(GgufTokenizer, added_tokens_at_the_end_and_padding_stay_out_of_the_vocabulary) {
  B builder = byte_level({"a", "b", "ab", "<|end|>", "<tool>", "[PAD5]"}, {1, 1, 1, 3, 4, 5});
  builder.key("tokenizer.ggml.merges", kArray, strings({"a b"}));
  const auto files = convert(builder);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(to_text(files->tokenizer["model"]["vocab"]), R"({"a":0,"b":1,"ab":2})");
  EXPECT_EQ(to_text(files->tokenizer["model"]["merges"]), R"([["a","b"]])");
  ASSERT_EQ(files->tokenizer["added_tokens"].size(), 2u);
  EXPECT_EQ(files->tokenizer["added_tokens"][0]["special"], true);
  EXPECT_EQ(files->tokenizer["added_tokens"][1]["special"], false);
  EXPECT_EQ(files->tokenizer["pre_tokenizer"]["pretokenizers"][0]["type"], "Digits");
}

TEST(GgufTokenizer, added_tokens_before_others_stand_in_the_vocabulary_too) {
  B builder = byte_level({"<|start|>", "a"}, {3, 1});
  builder.key("tokenizer.ggml.merges", kArray, strings({}));
  const auto files = convert(builder);
  ASSERT_TRUE(files);
  EXPECT_EQ(to_text(files->tokenizer["model"]["vocab"]), R"({"<|start|>":0,"a":1})");
}

TEST(GgufTokenizer, the_begin_token_goes_where_the_file_says) {
  for (const bool wanted : {false, true}) {
    B builder = byte_level({"a", "<s>"}, {1, 3});
    builder.key("tokenizer.ggml.merges", kArray, strings({}));
    builder.key("tokenizer.ggml.bos_token_id", kU32, B::raw(1U));
    builder.key("tokenizer.ggml.add_bos_token", kBool, std::string(1, wanted ? '\1' : '\0'));
    const auto files = convert(builder);
    ASSERT_TRUE(files);
    EXPECT_EQ(to_text(files->tokenizer["post_processor"]).find("TemplateProcessing") != std::string::npos, wanted);
    EXPECT_EQ(files->config["bos_token"], "<s>");
  }
}

TEST(GgufTokenizer, scores_become_merges_best_first) {
  B builder;
  builder.key("tokenizer.ggml.model", kString, B::text("llama"));
  builder.key("tokenizer.ggml.tokens", kArray, strings({"<unk>", "a", "b", "c", "ab", "bc", "abc"}));
  builder.key("tokenizer.ggml.token_type", kArray, numbers<int32_t>(kI32, {2, 1, 1, 1, 1, 1, 1}));
  builder.key("tokenizer.ggml.scores", kArray, numbers<float>(kF32, {0, -9, -9, -9, -3, -1, -2}));
  const auto files = convert(builder);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(to_text(files->tokenizer["model"]["merges"]), R"([["b","c"],["ab","c"],["a","bc"],["a","b"]])");
  EXPECT_EQ(files->tokenizer["model"]["unk_token"], "<unk>");
  EXPECT_EQ(files->tokenizer["model"]["byte_fallback"], false);
  EXPECT_EQ(files->tokenizer["normalizer"]["normalizers"][0]["type"], "Prepend");
}

TEST(GgufTokenizer, faults_are_named) {
  EXPECT_NE(error_of(B()).find("tokenizer.ggml.model must be gpt2 or llama, found none"), std::string::npos);
  const std::string unknown = error_of(byte_level({"a"}, {1}, "klingon"));
  EXPECT_NE(unknown.find("tokenizer.ggml.pre must be one of default, gpt-2"), std::string::npos);
  EXPECT_NE(unknown.find("found klingon"), std::string::npos);
  EXPECT_NE(error_of(byte_level({"a"}, {1})).find("tokenizer.ggml.merges must be an array of strings"),
            std::string::npos);
  EXPECT_NE(error_of(byte_level({"a", "b"}, {1})).find("must have 2 elements, as many as tokens, found 1"),
            std::string::npos);
  EXPECT_NE(error_of(byte_level({"a"}, {7})).find("must be 1 to 6, found 7 for token 0"), std::string::npos);
  EXPECT_NE(error_of(byte_level({"a", "a"}, {1, 1})).find("has 'a' twice, as 0 and 1"), std::string::npos);
  EXPECT_NE(error_of(byte_level({"\xff"}, {1})).find("empty or not UTF-8"), std::string::npos);
  B merges = byte_level({"a"}, {1});
  merges.key("tokenizer.ggml.merges", kArray, strings({"ab"}));
  EXPECT_NE(error_of(merges).find("must be pairs like 'a b', element 0 is 'ab'"), std::string::npos);
  B bos = byte_level({"a"}, {1});
  bos.key("tokenizer.ggml.merges", kArray, strings({})).key("tokenizer.ggml.bos_token_id", kU32, B::raw(5U));
  EXPECT_NE(error_of(bos).find("tokenizer.ggml.bos_token_id must be below 1, found 5"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving::hub
