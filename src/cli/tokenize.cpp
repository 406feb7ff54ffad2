// `mlx-serving tokenize`: shows the tokens of a text, and answers cases in JSON lines for comparisons.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "cli/command.h"
#include "cli/input.h"
#include "core/json.h"
#include "core/result.h"
#include "text/tokenizer.h"

namespace mlxserving::cli {
namespace {

using text::TokenId;
using text::Tokenizer;

struct Arguments {
  std::string model;
  std::string text;
  bool has_text = false;
  std::string tokenizer;
  std::string cases;
  bool json = false;
  bool add_special_tokens = false;
  bool no_control_tokens = false;
};

void put_decoded(const Tokenizer& tokenizer, std::span<const TokenId> ids, Json& out) {
  out["dec"] = tokenizer.decode(ids);
  out["decs"] = tokenizer.decode(ids, {.skip_special_tokens = true});
}

Result<void> answer_text(const Tokenizer& tokenizer, const std::string& text, Json& out) {
  MLXS_TRY(const auto plain, tokenizer.encode(text, {.add_special_tokens = false, .offsets = true}));
  MLXS_TRY(const auto special, tokenizer.encode(text, {.add_special_tokens = true}));
  out["ids"] = plain.ids;
  out["off"] = plain.offsets;
  put_decoded(tokenizer, plain.ids, out);
  out["sp"] = special.ids;
  return {};
}

Result<void> answer_ids(const Tokenizer& tokenizer, const Json& ids, const std::string& where, Json& out) {
  std::vector<TokenId> values;
  for (const Json& id : ids) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > UINT32_MAX) {
      return fail(ErrorCode::invalid_request, "d", "{}: d must be an array of token ids, found {}", where, to_text(id));
    }
    values.push_back(id.get<TokenId>());
  }
  put_decoded(tokenizer, values, out);
  return {};
}

Result<Json> answer(const Tokenizer& tokenizer, const std::string& line, const std::string& where) {
  MLXS_TRY(const Json question, parse_json(line, where));
  const bool has_text = question.is_object() && question.contains("s") && question["s"].is_string();
  const bool has_ids = question.is_object() && question.contains("d") && question["d"].is_array();
  if (!question.is_object() || !question.contains("k") || has_text == has_ids) {
    return fail(ErrorCode::invalid_request, where, R"({}: must be {{"k", "s": text}} or {{"k", "d": [ids]}}, found {})",
                where, line.substr(0, 80));
  }
  Json out = {{"k", question["k"]}};
  if (has_ids) {
    MLXS_CHECKED(answer_ids(tokenizer, question["d"], where, out));
  } else if (const auto done = answer_text(tokenizer, question["s"].get<std::string>(), out); !done) {
    // A text that the model has no tokens for is an answer, not a broken file.
    out["err"] = done.error().message;
  }
  return out;
}

Result<int> show(const Tokenizer& tokenizer, const std::string& text, const Arguments& arguments) {
  const text::EncodeOptions options{.add_special_tokens = arguments.add_special_tokens,
                                    .parse_special = !arguments.no_control_tokens,
                                    .offsets = arguments.json};
  MLXS_TRY(const auto encoding, tokenizer.encode(text, options));
  if (arguments.json) {
    Json tokens = Json::array();
    for (const TokenId id : encoding.ids) tokens.push_back(tokenizer.id_to_token(id).value_or(""));
    const Json out = {
        {"ids", encoding.ids}, {"tokens", tokens}, {"offsets", encoding.offsets}, {"count", encoding.ids.size()}};
    std::puts(to_text(out).c_str());
    return kExitOk;
  }
  for (const TokenId id : encoding.ids) {
    std::printf("%8u  %s\n", id, to_text(Json(std::string(tokenizer.token_bytes(id)))).c_str());
  }
  std::printf("%zu tokens, %zu bytes\n", encoding.ids.size(), text.size());
  return kExitOk;
}

Result<int> run(const Arguments& arguments) {
  const std::string& path = arguments.tokenizer.empty() ? arguments.model : arguments.tokenizer;
  if (path.empty()) return wrong_usage("name a model directory, or a file with --tokenizer");
  if (!arguments.tokenizer.empty() && arguments.has_text) {
    return wrong_usage(fmt::format("with --tokenizer there is one word, the text; got '{}' and '{}'", arguments.model,
                                   arguments.text));
  }
  MLXS_TRY(const auto tokenizer, Tokenizer::load(path));
  if (!arguments.cases.empty()) {
    return answer_lines(arguments.cases, [&](const std::string& line, const std::string& where) {
      return answer(*tokenizer, line, where);
    });
  }
  // With --tokenizer the first word is already the text.
  const bool shifted = !arguments.tokenizer.empty() && !arguments.model.empty();
  if (shifted) return show(*tokenizer, arguments.model, arguments);
  if (arguments.has_text) return show(*tokenizer, arguments.text, arguments);
  return show(*tokenizer, {std::istreambuf_iterator<char>(std::cin), {}}, arguments);
}

}  // namespace

Runner declare_tokenize(CLI::App& command) {
  auto arguments = std::make_shared<Arguments>();
  command.add_option("MODEL", arguments->model, "A model directory, tokenizer.json or tokenizer.model.");
  const CLI::Option* text = command.add_option("TEXT", arguments->text, "The text; standard input without it.");
  command.add_option("--tokenizer", arguments->tokenizer, "The tokenizer, in the place of MODEL.");
  command.add_option("--cases", arguments->cases,
                     R"(Answer a file of JSON lines, - for standard input: {"k", "s": text} or {"k", "d": [ids]}.)");
  command.add_flag("--json", arguments->json, "One JSON object with ids, tokens and offsets.");
  command.add_flag("--special", arguments->add_special_tokens,
                   "Add what the model expects around a text, such as <s>.");
  command.add_flag("--untrusted", arguments->no_control_tokens, "The text cannot spell control tokens.");
  command.footer(
      "Examples:\n  mlx-serving tokenize ./model \"Hello, world\"\n  mlx-serving tokenize ./model --json < text.txt");
  return [arguments, text] {
    arguments->has_text = text->count() > 0;
    return run(*arguments);
  };
}

}  // namespace mlxserving::cli
