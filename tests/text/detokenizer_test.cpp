#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "core/utf8.h"
#include "text/small_tokenizers.h"

namespace mlxserving::text {
namespace {

using Ids = std::vector<TokenId>;

struct Streamed {
  std::vector<std::string> parts;
  std::string all;
};

Streamed stream(const std::shared_ptr<const Tokenizer>& tokenizer, const Ids& ids, const DetokenizerOptions& options) {
  Detokenizer detokenizer(tokenizer, options);
  Streamed out;
  for (const TokenId id : ids) out.parts.push_back(detokenizer.push(id));
  out.parts.push_back(detokenizer.flush());
  for (const std::string& part : out.parts) out.all += part;
  return out;
}

std::string with_decoder(const std::string& decoder) {
  std::string json = space_mark_json();
  const size_t begin = json.find(R"("decoder":)") + 10;
  const size_t end = json.find(R"("model":)");
  return json.replace(begin, end - begin, decoder + ",\n");
}

TEST(Detokenizer, never_splits_a_character) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(stream(tokenizer, {0, 9, 10, 1}, {}).parts, (std::vector<std::string>{"h", "", "é", "e", ""}));
}

TEST(Detokenizer, a_literal_replacement_character_does_not_wait) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(stream(tokenizer, {23, 0}, {}).parts, (std::vector<std::string>{"\uFFFD", "h", ""}));
}

TEST(Detokenizer, bytes_that_cannot_complete_come_out_at_once) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(stream(tokenizer, {9, 0}, {}).parts, (std::vector<std::string>{"", "\uFFFDh", ""}));
  EXPECT_EQ(stream(tokenizer, {10}, {}).parts, (std::vector<std::string>{"\uFFFD", ""}));
  EXPECT_EQ(stream(tokenizer, {0, 9}, {}).parts, (std::vector<std::string>{"h", "", "\uFFFD"}));
}

TEST(Detokenizer, continues_a_text_with_its_space_and_begins_one_without) {
  const auto tokenizer = parse_small(space_mark_json());
  EXPECT_EQ(stream(tokenizer, {6, 6}, {}).all, " ab ab");
  EXPECT_EQ(stream(tokenizer, {6, 6}, {.continues_text = false}).all, "ab ab");
}

TEST(Detokenizer, skips_special_tokens_on_demand) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(stream(tokenizer, {0, 25, 1}, {}).all, "he");
  EXPECT_EQ(stream(tokenizer, {0, 25, 1}, {.skip_special_tokens = false}).all, "h<|end|>e");
}

TEST(Detokenizer, all_parts_together_are_what_decode_gives) {
  const std::vector<std::string> decoders = {
      "null",
      R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true})",
      R"({"type":"WordPiece","prefix":"##","cleanup":true})",
      R"({"type":"BPEDecoder","suffix":"b"})",
      R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})",
      R"({"type":"CTC","pad_token":"a","word_delimiter_token":"b","cleanup":true})",
      R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},)"
      R"({"type":"Fuse"},{"type":"Strip","content":" ","start":2,"stop":1}]})",
      R"({"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Replace","pattern":{"Regex":"a+"},"content":"x"}]})",
  };
  std::mt19937 random(20260726);
  for (const std::string& decoder : decoders) {
    const auto tokenizer = parse_small(with_decoder(decoder));
    for (int round = 0; round < 300; ++round) {
      Ids ids(random() % 12);
      for (TokenId& id : ids) id = random() % 2 == 0 ? random() % 7 : 7 + random() % 256;
      const Streamed streamed = stream(tokenizer, ids, {.skip_special_tokens = false, .continues_text = false});
      ASSERT_EQ(streamed.all, tokenizer->decode(ids)) << decoder;
      for (const std::string& part : streamed.parts) ASSERT_TRUE(utf8::is_valid(part)) << decoder;
    }
  }
}

// Whatever was said before, a continuation is what it adds to the whole.
TEST(Detokenizer, a_continuation_is_the_rest_of_the_whole) {
  for (const auto& json : {byte_level_json(), space_mark_json()}) {
    const auto tokenizer = parse_small(json);
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
      Ids ids(1 + random() % 8);
      for (TokenId& id : ids) id = 3 + random() % 4;  // tokens that end no character in the middle
      const std::string head = tokenizer->decode(Ids{3});
      Ids whole = ids;
      whole.insert(whole.begin(), 3);
      ASSERT_EQ(head + stream(tokenizer, ids, {}).all, tokenizer->decode(whole));
    }
  }
}

}  // namespace
}  // namespace mlxserving::text
