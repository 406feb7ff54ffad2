// Tokenizer files small enough to read, for tests.
#pragma once

#include <memory>
#include <string>

#include "text/tokenizer.h"

namespace mlxserving::text {

// Byte-level BPE that knows "he", "ll", "lo", " he" and two control tokens; every byte of ASCII letters, space and of
// "é".
inline std::string byte_level_json() {
  return R"({"version":"1.0","added_tokens":[
      {"id":100,"content":"<|end|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
      {"id":101,"content":"<think>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":false}],
    "normalizer":null,
    "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
    "post_processor":null,
    "decoder":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
    "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
      "fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{"h":0,"e":1,"l":2,"o":3,"Ġ":4,"he":5,"ll":6,"lo":7,"Ġhe":8,"Ã":9,"©":10,"<":11,"|":12,"n":13,"d":14,">":15,
               "t":16,"i":17,"k":18,"a":19,"ï":20,"¿":21,"½":22,"ï¿½":23,"ï¿":24},
      "merges":["h e","l l","l o","Ġ he","ï ¿","ï¿ ½"]}})";
}

// SentencePiece style: a mark for spaces, bytes for what is unknown, and a first space that decoding drops.
inline std::string space_mark_json() {
  std::string vocab = R"("<unk>":0,"<s>":1,"▁":2,"a":3,"b":4,"ab":5,"▁ab":6)";
  const char* kHex = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    vocab += std::string(",\"<0x") + kHex[byte / 16] + kHex[byte % 16] + ">\":" + std::to_string(7 + byte);
  }
  return R"({"version":"1.0","added_tokens":[
      {"id":0,"content":"<unk>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
      {"id":1,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
    "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
      {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
    "pre_tokenizer":null,
    "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
      {"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},
    "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},
      {"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
    "model":{"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,
      "fuse_unk":true,"byte_fallback":true,"ignore_merges":false,"vocab":{)" +
         vocab + R"(},"merges":[["a","b"],["▁","ab"]]}})";
}

inline std::shared_ptr<const Tokenizer> parse_small(const std::string& json) {
  return Tokenizer::parse(json, "small").value();
}

}  // namespace mlxserving::text
