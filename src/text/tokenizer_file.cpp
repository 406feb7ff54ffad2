#include "text/tokenizer_file.h"

#include <simdjson.h>

#include <algorithm>

#include "core/result.h"
#include "core/utf8.h"
#include "text/model_file.h"

namespace mlxserving::text {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kComponentBytesMax = size_t{32} << 20;  // Precompiled tables are the largest

// The small parts as JSON values; the model is read where it stands.
struct Components {
  Json normalizer;
  Json pre_tokenizer;
  Json post_processor;
  Json decoder;
  std::vector<AddedToken> added;
  ParsedModel model;  // without one until it is read
  bool has_model = false;
};

Result<Json> component(ondemand::value value, const char* key) {
  if (value.is_null()) return Json();
  ondemand::object object = value.get_object();
  const std::string_view text = object.raw_json();
  return parse_json(text, key, {.bytes_max = kComponentBytesMax});
}

Result<void> read_added_tokens(ondemand::value value, std::vector<AddedToken>& out) {
  if (value.is_null()) return {};
  for (auto entry : value.get_array()) {
    if (out.size() == kAddedTokensMax) {
      return fail(ErrorCode::resource_exhausted, "added_tokens", "added_tokens: at most {} are allowed",
                  kAddedTokensMax);
    }
    ondemand::object object = entry.get_object();
    AddedToken token;
    int seen = 0;
    for (auto field : object) {
      const std::string_view key = field.unescaped_key();
      ++seen;
      if (key == "content") {
        token.content = std::string_view(field.value().get_string());
      } else if (key == "single_word") {
        token.single_word = field.value().get_bool();
      } else if (key == "lstrip") {
        token.lstrip = field.value().get_bool();
      } else if (key == "rstrip") {
        token.rstrip = field.value().get_bool();
      } else if (key == "normalized") {
        token.normalized = field.value().get_bool();
      } else if (key == "special") {
        token.special = field.value().get_bool();
      } else {
        --seen;
      }
    }
    if (seen < 6) {
      return fail(ErrorCode::invalid_model, "added_tokens",
                  "added_tokens[{}] must have content, single_word, lstrip, rstrip, normalized and special",
                  out.size());
    }
    out.push_back(std::move(token));
  }
  return {};
}

// Fields in any order. The model needs to know the pre-tokenizer: where that stands behind it, a second pass reads it.
Result<void> read_fields(ondemand::document& document, Components& out) {
  bool knows_pre_tokenizer = false;
  for (auto field : document.get_object()) {
    const std::string_view key = field.unescaped_key();
    ondemand::value value = field.value();
    if (key == "version") {
      const std::string_view version = value.get_string();
      if (version != "1.0")
        return fail(ErrorCode::unsupported_model, "version", "version must be 1.0, found {}", version);
    } else if (key == "normalizer") {
      MLXS_TRY(out.normalizer, component(value, "normalizer"));
    } else if (key == "pre_tokenizer") {
      MLXS_TRY(out.pre_tokenizer, component(value, "pre_tokenizer"));
      knows_pre_tokenizer = true;
    } else if (key == "post_processor") {
      MLXS_TRY(out.post_processor, component(value, "post_processor"));
    } else if (key == "decoder") {
      MLXS_TRY(out.decoder, component(value, "decoder"));
    } else if (key == "added_tokens") {
      MLXS_CHECKED(read_added_tokens(value, out.added));
    } else if (key == "model") {
      out.has_model = true;
      if (!knows_pre_tokenizer) continue;
      MLXS_TRY(out.model, parse_model(value.get_object(), ends_in_byte_level(out.pre_tokenizer)));
    }
  }
  return {};
}

Result<void> read_model_again(ondemand::document& document, Components& out) {
  document.rewind();
  for (auto field : document.get_object()) {
    const std::string_view key = field.unescaped_key();
    if (key != "model") continue;
    MLXS_TRY(out.model, parse_model(field.value().get_object(), ends_in_byte_level(out.pre_tokenizer)));
    return {};
  }
  return {};
}

// What stands just before the place where reading stopped: the name of the field, mostly.
std::string before(ondemand::document& document, const simdjson::padded_string& json) {
  constexpr size_t kShown = 60;
  const char* place = json.data() + json.size();
  if (document.current_location().get(place) != simdjson::SUCCESS) place = json.data() + json.size();
  const std::string_view read(json.data(), static_cast<size_t>(place - json.data()));
  const std::string shown = utf8::to_valid(read.substr(read.size() - std::min(read.size(), kShown)));
  return fmt::format("at byte {}, after {}", read.size(), to_text(Json(shown)));
}

Result<Components> read_components(std::string_view json) {
  const simdjson::padded_string padded(json);
  ondemand::parser parser;
  ondemand::document document;
  if (const auto fault = parser.iterate(padded).get(document); fault != simdjson::SUCCESS) {
    return fail(ErrorCode::invalid_model, "", "not a tokenizer file: {}", simdjson::error_message(fault));
  }
  Components components;
  try {
    MLXS_CHECKED(read_fields(document, components));
    if (components.has_model && components.model.model == nullptr) MLXS_CHECKED(read_model_again(document, components));
  } catch (const simdjson::simdjson_error& e) {
    return fail(ErrorCode::invalid_model, "", "not a tokenizer file: {} ({})", e.what(), before(document, padded));
  }
  if (components.model.model == nullptr) return fail(ErrorCode::invalid_model, "model", "model must be given");
  return components;
}

// "tokenizer.json: " in front, where a message does not start with the file's name already.
Error in_file(Error error, const std::string& name) {
  error.message = fmt::format("{}: {}", name, error.message);
  error.param = name;
  return error;
}

Result<TokenizerParts> assemble(std::string_view json) {
  MLXS_TRY(Components components, read_components(json));
  TokenizerParts parts;
  parts.model = std::move(components.model.model);
  parts.tokens_are_text = components.model.tokens_are_text;
  if (!components.normalizer.is_null()) {
    MLXS_TRY(parts.normalizer, parse_normalizer({components.normalizer, "normalizer"}));
  }
  if (!components.pre_tokenizer.is_null()) {
    MLXS_TRY(parts.pre_tokenizer,
             parse_pre_tokenizer({components.pre_tokenizer, "pre_tokenizer"}, components.model.byte_level));
  }
  MLXS_CHECKED(parts.added.add(std::move(components.added), *parts.model, parts.normalizer.get()));
  MLXS_TRY(parts.post_processor, PostProcessor::parse(components.post_processor));
  MLXS_TRY(parts.decoder, Decoder::parse(components.decoder));
  return parts;
}

}  // namespace

Result<TokenizerParts> parse_tokenizer_file(std::string_view json, const std::string& name) {
  auto parts = assemble(json);
  if (!parts) return in_file(parts.error(), name);
  return parts;
}

}  // namespace mlxserving::text
