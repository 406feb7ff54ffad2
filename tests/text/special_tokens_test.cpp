#include "text/special_tokens.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/read_file.h"
#include "text/small_tokenizers.h"

namespace mlxserving::text {
namespace {

// A model directory that lives as long as the test.
class SpecialTokensTest : public ::testing::Test {
 protected:
  SpecialTokensTest()
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(directory_);
  }
  ~SpecialTokensTest() override { std::filesystem::remove_all(directory_); }

  void write(const char* name, std::string_view text) {
    ASSERT_TRUE(write_file((directory_ / name).string(), text).ok());
  }
  Result<SpecialTokens> load() { return load_special_tokens(directory_.string(), *parse_small(byte_level_json())); }

  std::filesystem::path directory_;
};

TEST_F(SpecialTokensTest, the_end_is_the_union_of_all_files) {
  write("tokenizer_config.json", R"({"eos_token": {"content": "<|end|>"}, "bos_token": "<think>", "pad_token": null})");
  write("generation_config.json", R"({"eos_token_id": [7, 3]})");
  write("config.json", R"({"eos_token_id": 3, "text_config": {"eos_token_id": [9]}})");
  const SpecialTokens tokens = load().value();
  EXPECT_EQ(tokens.eos_ids, (std::vector<TokenId>{7, 3, 9, 25}));
  EXPECT_EQ(tokens.eos, "<|end|>");
  EXPECT_EQ(tokens.bos_id, 26U);
  EXPECT_FALSE(tokens.pad);
  EXPECT_TRUE(tokens.is_eos(9));
  EXPECT_FALSE(tokens.is_eos(8));
}

TEST_F(SpecialTokensTest, the_map_names_what_the_configuration_does_not) {
  write("tokenizer_config.json", R"({"bos_token": "h"})");
  write("special_tokens_map.json", R"({"bos_token": "e", "eos_token": "<|end|>", "unk_token": {"content": "l"}})");
  const SpecialTokens tokens = load().value();
  EXPECT_EQ(tokens.bos, "h");
  EXPECT_EQ(tokens.unk, "l");
  EXPECT_EQ(tokens.eos_ids, std::vector<TokenId>{25});
}

TEST_F(SpecialTokensTest, an_empty_directory_has_none) {
  const SpecialTokens tokens = load().value();
  EXPECT_TRUE(tokens.eos_ids.empty());
  EXPECT_FALSE(tokens.bos);
}

TEST_F(SpecialTokensTest, an_id_that_is_no_number_is_named) {
  write("config.json", R"({"eos_token_id": ["x"]})");
  const auto tokens = load();
  ASSERT_FALSE(tokens.ok());
  EXPECT_EQ(tokens.error().message, R"(config.json: eos_token_id must be a token id or a list of them, found ["x"])");
}

}  // namespace
}  // namespace mlxserving::text
