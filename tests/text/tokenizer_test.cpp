#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "text/small_tokenizers.h"

namespace mlxserving::text {
namespace {

using Ids = std::vector<TokenId>;

Ids encode(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options = {}) {
  return tokenizer.encode(text, options).value().ids;
}

std::string error_of(std::string json, std::string_view from, std::string_view to) {
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  const auto parsed = Tokenizer::parse(json.replace(at, from.size(), to), "tokenizer.json");
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(Tokenizer, merges_go_by_rank_and_then_from_the_left) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(encode(*tokenizer, "hello hell"), (Ids{5, 6, 3, 8, 6}));  // "ll" ranks before "lo"
  EXPECT_EQ(encode(*tokenizer, "lllo"), (Ids{6, 7}));
  EXPECT_EQ(encode(*tokenizer, ""), Ids{});
}

TEST(Tokenizer, offsets_count_code_points) {
  const auto tokenizer = parse_small(byte_level_json());
  const Encoding encoding = tokenizer->encode("é he", {.offsets = true}).value();
  EXPECT_EQ(encoding.ids, (Ids{9, 10, 8}));
  using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;
  EXPECT_EQ(encoding.offsets, (Offsets{{0, 1}, {0, 1}, {1, 4}}));
}

TEST(Tokenizer, invalid_text_counts_as_replacement_characters) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(encode(*tokenizer, "h\xFFh"), (Ids{0, 23, 0}));
}

TEST(Tokenizer, decode_gives_the_text_back) {
  for (const auto& json : {byte_level_json(), space_mark_json()}) {
    const auto tokenizer = parse_small(json);
    for (const std::string text : {"", "he llo", "  he", "é", "ha  ll", "<think>"}) {
      if (json == byte_level_json() || text.find('<') == std::string::npos) {
        EXPECT_EQ(tokenizer->decode(encode(*tokenizer, text), {.skip_special_tokens = true}), text);
      }
    }
  }
}

TEST(Tokenizer, special_tokens_are_added_and_skipped_on_demand) {
  const auto tokenizer = parse_small(space_mark_json());
  EXPECT_EQ(encode(*tokenizer, "ab"), (Ids{1, 6}));
  EXPECT_EQ(encode(*tokenizer, "ab", {.add_special_tokens = false}), Ids{6});
  EXPECT_EQ(tokenizer->decode(Ids{1, 6}), "<s> ab");
  EXPECT_EQ(tokenizer->decode(Ids{1, 6}, {.skip_special_tokens = true}), "ab");
  EXPECT_EQ(tokenizer->decode(Ids{6, 99999, 6}), "ab ab");  // ids that do not exist are skipped
}

// Characters alone, with components of the caller's. What is expected of them was printed by the reference.
std::shared_ptr<const Tokenizer> with_components(const std::string& fields) {
  std::string json = R"({"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":null,
    "post_processor":null,"decoder":null,"model":{"type":"BPE","dropout":null,"unk_token":null,
      "continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,
      "vocab":{"a":0,"b":1," ":2,"\n":3,"<s>":4,"</s>":5,"<0xFF>":6},"merges":[]}})";
  const size_t key = json.find(fields.substr(0, fields.find(':')));
  const size_t end = json.find(json[json.find(':', key) + 1] == '[' ? "]" : "null", key);
  return parse_small(json.replace(key, json.find(',', end) - key, fields));
}

TEST(Tokenizer, white_space_belongs_to_one_added_token) {
  const auto tokenizer = with_components(R"("added_tokens":[
    {"id":7,"content":"<t>","single_word":false,"lstrip":false,"rstrip":true,"normalized":false,"special":false},
    {"id":8,"content":"  ","single_word":false,"lstrip":true,"rstrip":true,"normalized":false,"special":false}])");
  using Offsets = std::vector<std::pair<uint32_t, uint32_t>>;
  const auto encoding = [&](const char* text) { return tokenizer->encode(text, {.offsets = true}).value(); };
  EXPECT_EQ(encoding("<t>   a").ids, (Ids{7, 0}));
  EXPECT_EQ(encoding("<t>  <t>").offsets, (Offsets{{0, 5}, {5, 8}}));
  EXPECT_EQ(encoding("a    b").offsets, (Offsets{{0, 1}, {1, 5}, {5, 6}}));
}

TEST(Tokenizer, a_post_processor_sees_each_text_that_the_one_before_made) {
  const std::string twice = R"({"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
    "pair":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}},
            {"Sequence":{"id":"B","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
    "special_tokens":{"<s>":{"id":"<s>","ids":[4,4],"tokens":["<s>","<s>"]},
                      "</s>":{"id":"</s>","ids":[5],"tokens":["</s>"]}}})";
  const auto ids = [&](const std::string& next) {
    const std::string steps = twice + (next.empty() ? "" : "," + next);
    const auto tokenizer = with_components(R"("post_processor":{"type":"Sequence","processors":[)" + steps + "]}");
    EXPECT_EQ(encode(*tokenizer, "ab", {.add_special_tokens = false}), (Ids{0, 1}));
    return encode(*tokenizer, "ab");
  };
  EXPECT_EQ(ids(""), (Ids{4, 4, 0, 1}));
  EXPECT_EQ(ids(twice), (Ids{4, 4, 5, 0, 1, 5}));
  EXPECT_EQ(ids(R"({"type":"BertProcessing","sep":["</s>",5],"cls":["<s>",4]})"), (Ids{4, 4, 4, 5, 0, 1, 5}));
  EXPECT_EQ(ids(R"({"type":"RobertaProcessing","sep":["</s>",5],"cls":["<s>",4],"trim_offsets":true,
                    "add_prefix_space":false})"),
            (Ids{4, 4, 4, 5, 5, 0, 1, 5}));
}

TEST(Tokenizer, decoders_find_an_empty_suffix_everywhere_and_repeat_what_is_no_utf8_byte_by_byte) {
  const Ids ids{0, 6, 6, 1};
  EXPECT_EQ(with_components(R"("decoder":{"type":"BPEDecoder","suffix":""})")->decode(ids),
            " a  < 0 x F F >  < 0 x F F > b");
  EXPECT_EQ(with_components(R"("decoder":{"type":"Sequence","decoders":[{"type":"ByteFallback"},
                               {"type":"CTC","pad_token":"x","word_delimiter_token":"|","cleanup":false}]})")
                ->decode(ids),
            "a\uFFFD"
            "b");
}

TEST(Tokenizer, untrusted_text_cannot_spell_control_tokens) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_EQ(encode(*tokenizer, "<|end|>"), Ids{25});
  EXPECT_EQ(encode(*tokenizer, "<|end|>", {.parse_special = false}), (Ids{11, 12, 1, 13, 14, 12, 15}));
  // Neither flagged special nor part of the model's own vocabulary: control all the same.
  EXPECT_EQ(encode(*tokenizer, "<think>", {.parse_special = false}).size(), 7U);
}

TEST(Tokenizer, a_control_token_lies_wholly_in_trusted_spans) {
  const auto tokenizer = parse_small(byte_level_json());
  const auto encode_spans = [&](std::vector<Span> spans) { return tokenizer->encode(spans).value().ids; };
  EXPECT_EQ(encode_spans({{"<|en", true}, {"d|>", true}}), Ids{25});
  EXPECT_EQ(encode_spans({{"<|en", true}, {"d|>", false}}), encode_spans({{"<|end|>", false}}));
  EXPECT_EQ(encode_spans({{"<|end|>", true}, {"<|end|>", false}, {"<|end|>", true}}),
            (Ids{25, 11, 12, 1, 13, 14, 12, 15, 25}));
}

TEST(Tokenizer, ordinary_tokens_run_across_spans) {
  const auto tokenizer = parse_small(byte_level_json());
  const std::vector<Span> spans = {{"h", true}, {"e", false}, {"l", true}, {"l", false}};
  EXPECT_EQ(tokenizer->encode(spans).value().ids, (Ids{5, 6}));
}

TEST(Tokenizer, half_a_character_does_not_complete_in_the_next_span) {
  const auto tokenizer = parse_small(byte_level_json());
  const std::vector<Span> spans = {{"\xC3", false}, {"\xA9", false}};
  EXPECT_EQ(tokenizer->encode(spans).value().ids, (Ids{23, 23}));
}

TEST(Tokenizer, token_bytes_are_what_a_token_adds_to_a_text) {
  const auto bytes = parse_small(byte_level_json());
  EXPECT_EQ(bytes->token_bytes(8), " he");
  EXPECT_EQ(bytes->token_bytes(9), "\xC3");
  EXPECT_EQ(bytes->token_bytes(25), "<|end|>");
  EXPECT_EQ(bytes->token_bytes(1000), "");
  const auto marks = parse_small(space_mark_json());
  EXPECT_EQ(marks->token_bytes(6), " ab");
  EXPECT_EQ(marks->token_bytes(7 + 0xE4), "\xE4");
}

TEST(Tokenizer, ids_and_strings_are_each_others_inverse) {
  for (const auto& json : {byte_level_json(), space_mark_json()}) {
    const auto tokenizer = parse_small(json);
    for (TokenId id = 0; id < tokenizer->vocabulary_size(); ++id) {
      const auto token = tokenizer->id_to_token(id);
      ASSERT_TRUE(token) << id;
      EXPECT_EQ(tokenizer->token_to_id(*token), id);
    }
  }
}

// A quadratic one takes minutes.
TEST(Tokenizer, runs_of_one_character_take_linear_time) {
  for (const auto& json : {byte_level_json(), space_mark_json()}) {
    const auto tokenizer = parse_small(json);
    EXPECT_EQ(encode(*tokenizer, std::string(400'000, 'l'), {.add_special_tokens = false}).size() > 0, true);
    EXPECT_GT(encode(*tokenizer, std::string(400'000, ' ')).size(), 100'000U);
    std::string marks;
    for (int i = 0; i < 100'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
    EXPECT_TRUE(tokenizer->encode("a" + marks).ok());
  }
}

TEST(Tokenizer, threads_share_one) {
  const auto tokenizer = parse_small(space_mark_json());
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&tokenizer, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string text(static_cast<size_t>(1 + (i + t) % 7), 'a');
        EXPECT_EQ(tokenizer->decode(encode(*tokenizer, text), {.skip_special_tokens = true}), text);
        EXPECT_EQ(tokenizer->token_bytes(6), " ab");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Tokenizer, a_text_beyond_the_limit_is_refused) {
  const auto tokenizer = parse_small(byte_level_json());
  EXPECT_TRUE(tokenizer->encode(std::string(kTextBytesMax / 1024, 'h')).ok());
  const auto refused = tokenizer->encode(std::string(kTextBytesMax + 1, 'h'));
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("at most"), std::string::npos);
}

TEST(TokenizerFile, errors_name_the_field_what_was_seen_and_what_is_allowed) {
  const std::string json = byte_level_json();
  EXPECT_EQ(error_of(json, R"("version":"1.0")", R"("version":"2.0")"),
            "tokenizer.json: version must be 1.0, found 2.0");
  EXPECT_EQ(error_of(json, R"("dropout":null)", R"("dropout":0.1)"),
            "tokenizer.json: model.dropout must be 0 or absent, found 0.1");
  EXPECT_EQ(error_of(json, R"("h e")", R"("h x")"), "tokenizer.json: merges: token 'x' must be in the vocabulary");
  EXPECT_EQ(error_of(json, R"("h e")", R"("h")"),
            "tokenizer.json: merges: a merge must be two tokens with a space between, found 'h'");
  EXPECT_EQ(error_of(json, R"("type":"BPE")", R"("type":"XYZ")"), "tokenizer.json: model.type: unknown model 'XYZ'");
  EXPECT_EQ(error_of(json, R"("normalizer":null)", R"("normalizer":{"type":"Upper"})"),
            "tokenizer.json: normalizer.type: unknown normalizer 'Upper'");
  EXPECT_EQ(error_of(json, R"("normalizer":null)", R"("normalizer":{"type":"Strip","strip_left":1})"),
            "tokenizer.json: normalizer.strip_left must be true or false, found 1");
  EXPECT_EQ(error_of(json, R"("e":1,)", R"("e":0,)"),
            "tokenizer.json: vocab: id 0 must belong to one token, found 'h' and 'e'");
  EXPECT_EQ(error_of(json, R"("e":1,)", R"("e":4194304,)"),
            "tokenizer.json: vocab: ids must be below 4194304, found 4194304");
  EXPECT_NE(error_of(json, "{", "["), "");
}

TEST(TokenizerFile, a_value_of_a_wrong_type_is_shown_with_its_field) {
  const auto says = [](std::string_view from, std::string_view to, const std::string& field) {
    const std::string error = error_of(byte_level_json(), from, to);
    return error.starts_with("tokenizer.json: not a tokenizer file: ") && error.find(field) != std::string::npos;
  };
  EXPECT_TRUE(says(R"("fuse_unk":false)", R"("fuse_unk":"no")", "fuse_unk"));
  EXPECT_TRUE(says(R"("lstrip":false)", R"("lstrip":0)", "lstrip"));
  EXPECT_TRUE(says(R"("h":0)", R"("h":[])", "vocab"));
  EXPECT_TRUE(says(R"("version":"1.0")", R"("version":1.0)", "version"));
}

TEST(TokenizerFile, keys_may_come_in_any_order) {
  std::string json = byte_level_json();
  const size_t model = json.find(R"("model":)");
  const size_t head = json.find(R"("version")");
  const std::string moved =
      "{" + json.substr(model, json.size() - 1 - model) + "," + json.substr(head, json.rfind(',', model) - head) + "}";
  const auto tokenizer = parse_small(moved);
  EXPECT_EQ(encode(*tokenizer, "hello <|end|>"), encode(*parse_small(json), "hello <|end|>"));
}

TEST(TokenizerFile, a_missing_file_is_named) {
  const auto missing = Tokenizer::load("/nowhere/at/all");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving::text
