#include "hub/gguf_pretokenizers.h"

#include <span>
#include <string>

#include "core/result.h"

namespace mlxserving::hub {
namespace {

// The patterns are those of the models' own tokenizer.json files.
constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                                R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                                R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr const char* kDefaultParts[] = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"};
constexpr const char* kGpt2Parts[] = {kGpt2};
constexpr const char* kDigitParts[] = {R"(\p{N})", kGpt2};
constexpr const char* kLlama3Parts[] = {kLlama3};
constexpr const char* kQwen2Parts[] = {kQwen2};
constexpr const char* kTekkenParts[] = {kTekken};
constexpr const char* kO200kParts[] = {kO200k};
constexpr const char* kDeepseekCoderParts[] = {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", "[一-龥ࠀ-一가-퟿]+",
                                               R"(\p{N})"};
constexpr const char* kDeepseekV3Words =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";
constexpr const char* kDeepseekV3Parts[] = {R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+", kDeepseekV3Words};

struct Row {
  std::string_view name;
  std::span<const char* const> parts;  // applied one after the other, each match a piece of its own
  bool nfc = false;
  bool ignore_merges = false;
  bool add_bos = false;
};

constexpr Row kRows[] = {
    {"default", kDefaultParts},
    {"gpt-2", kGpt2Parts},
    {"gpt2", kGpt2Parts},
    {"phi-2", kGpt2Parts},
    {"olmo", kGpt2Parts},
    {"mpt", kGpt2Parts},
    {"mellum", kGpt2Parts},
    {"a.x-4.0", kGpt2Parts},
    {"smollm", kDigitParts},
    {"command-r", kDigitParts, true},
    {"starcoder", kDigitParts},
    {"refact", kDigitParts},
    {"llama-bpe", kLlama3Parts, false, true, true},
    {"llama3", kLlama3Parts, false, true, true},
    {"llama-v3", kLlama3Parts, false, true, true},
    {"falcon3", kLlama3Parts, false, true, true},
    {"pixtral", kLlama3Parts, false, true, true},
    {"midm-2.0", kLlama3Parts, false, true, true},
    {"smaug-bpe", kLlama3Parts},
    {"dbrx", kLlama3Parts},
    {"qwen2", kQwen2Parts, true},
    {"deepseek-r1-qwen", kQwen2Parts},
    {"megrez", kQwen2Parts},
    {"kormo", kQwen2Parts},
    {"tekken", kTekkenParts, false, true, true},
    {"gpt-4o", kO200kParts, false, true},
    {"deepseek-coder", kDeepseekCoderParts},
    {"deepseek-v3", kDeepseekV3Parts},
    {"deepseek-r1", kDeepseekV3Parts},
};

Json split(const char* pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

// As the models' files write it: GPT-2's pattern is ByteLevel's own, single digits are Digits.
Json pre_tokenizer_json(std::span<const char* const> parts) {
  if (parts.data() == kGpt2Parts) return byte_level(true);
  Json steps = Json::array();
  if (parts.data() == kDigitParts) {
    steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    steps.push_back(byte_level(true));
  } else {
    for (const char* pattern : parts) steps.push_back(split(pattern));
    steps.push_back(byte_level(false));
  }
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

}  // namespace

Result<PreTokenizer> pre_tokenizer_of(std::string_view name, std::string_view path) {
  std::string known;
  for (const Row& row : kRows) {
    if (row.name != name) {
      known += (known.empty() ? "" : ", ") + std::string(row.name);
      continue;
    }
    PreTokenizer result{.normalizer = Json(), .pre_tokenizer = pre_tokenizer_json(row.parts)};
    if (row.nfc) result.normalizer = {{"type", "NFC"}};
    result.ignore_merges = row.ignore_merges;
    result.add_bos = row.add_bos;
    return result;
  }
  return fail(ErrorCode::unsupported_model, "tokenizer.ggml.pre", "{}: tokenizer.ggml.pre must be one of {}, found {}",
              path, known, name);
}

}  // namespace mlxserving::hub
