#include "vocabulary_file.h"

#include <array>

#include "core/json.h"
#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::bench {
namespace {

// GPT-2's alphabet: the character that stands for each byte, the other way round.
std::array<int, 512> byte_of_char() {
  std::array<int, 512> table{};
  table.fill(-1);
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_itself = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    table[static_cast<size_t>(is_itself ? byte : next++)] = byte;
  }
  return table;
}

std::string byte_level(std::string_view piece) {
  static const std::array<int, 512> kTable = byte_of_char();
  std::string out;
  while (!piece.empty()) {
    const auto decoded = utf8::decode(piece);
    piece.remove_prefix(decoded.bytes);
    if (decoded.code_point >= 512 || kTable[decoded.code_point] < 0) return {};
    out += static_cast<char>(kTable[decoded.code_point]);
  }
  return out;
}

std::string sentence_piece(const std::string& piece) {
  if (piece.size() == 6 && piece.starts_with("<0x") && piece.back() == '>') {
    return std::string(1, static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16)));
  }
  static const std::string kSpace = "\xE2\x96\x81";
  std::string out = piece;
  for (size_t at = out.find(kSpace); at != std::string::npos; at = out.find(kSpace, at + 1)) {
    out[at] = ' ';
    out.erase(at + 1, kSpace.size() - 1);
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const grammar::Vocabulary>> read_vocabulary(const std::string& tokenizer_json) {
  MLXS_TRY(const Json json, read_json_file(tokenizer_json));
  const bool is_byte_level = to_text(json["decoder"]).find("ByteLevel") != std::string::npos;
  std::vector<std::string> tokens;
  const auto put = [&](size_t id, std::string bytes) {
    if (id >= tokens.size()) tokens.resize(id + 1);
    tokens[id] = std::move(bytes);
  };
  for (const auto& [piece, id] : json["model"]["vocab"].items()) put(id.get<size_t>(), is_byte_level ? byte_level(piece) : sentence_piece(piece));
  grammar::Vocabulary::Options options;
  for (const Json& added : json["added_tokens"]) {
    const auto id = added["id"].get<size_t>();
    const auto content = added["content"].get<std::string>();
    put(id, content);
    if (added["special"].get<bool>()) options.special_tokens.push_back(static_cast<grammar::TokenId>(id));
    for (const char* end : {"<|eot_id|>", "<|end_of_text|>", "<eos>", "<end_of_turn>", "<|im_end|>", "<|endoftext|>", "</s>", "<|return|>"}) {
      if (content == end) options.end_tokens.push_back(static_cast<grammar::TokenId>(id));
    }
  }
  return grammar::Vocabulary::create(tokens, options);
}

}  // namespace mlxserving::bench
