// `mlx-serving grammar check`: what is enforced of a JSON Schema, and where an instance fails.
#include <iostream>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "core/json.h"
#include "core/result.h"
#include "grammar/compile.h"
#include "grammar/json_schema.h"

namespace mlxserving::cli {
namespace {

using grammar::Matcher;
using grammar::TokenId;

struct Options {
  std::string schema, instance;
  bool json = false, declared = false;
};

// A vocabulary of single bytes: a text is judged byte by byte.
Result<std::shared_ptr<const grammar::Vocabulary>> byte_vocabulary() {
  std::vector<std::string> tokens(256);
  for (size_t byte = 0; byte < 256; ++byte) tokens[byte] = static_cast<char>(byte);
  tokens.emplace_back("<end>");
  return grammar::Vocabulary::create(tokens, {.end_tokens = {256}, .special_tokens = {}, .rows = 257});
}

std::string printable(TokenId byte) {
  if (byte == 256) return "the end";
  if (byte > 32 && byte < 127) return std::string(1, static_cast<char>(byte));
  if (byte == ' ') return "space";
  return byte < 128 ? fmt::format("\\x{:02x}", byte) : std::string();
}

std::vector<TokenId> allowed_next(Matcher& matcher) {
  std::vector<uint64_t> mask(matcher.vocabulary().mask_words());
  matcher.fill_mask(mask);
  std::vector<TokenId> result;
  for (TokenId byte = 0; byte <= 256; ++byte) {
    if ((mask[byte >> 6] >> (byte & 63)) & 1) result.push_back(byte);
  }
  return result;
}

struct Verdict {
  bool valid = false;
  size_t byte = 0;      // where it fails
  std::string forced;   // what must come there, where it is one text
  std::string allowed;  // what may, where it is short
};

Verdict judge(Matcher matcher, const std::string& text) {
  Verdict verdict;
  for (; verdict.byte < text.size(); ++verdict.byte) {
    if (!matcher.accept(static_cast<uint8_t>(text[verdict.byte]))) break;
  }
  verdict.valid = verdict.byte == text.size() && matcher.is_complete();
  if (verdict.valid) return verdict;
  verdict.forced = matcher.forced_bytes(60);
  const auto next = allowed_next(matcher);
  for (const TokenId byte : next) {
    if (next.size() > 24) break;
    const std::string name = printable(byte);
    if (!name.empty()) verdict.allowed += (verdict.allowed.empty() ? "" : " ") + name;
  }
  return verdict;
}

void print(const Verdict& verdict, const std::string& text) {
  if (verdict.valid) {
    std::cout << "the instance is valid\n";
    return;
  }
  const size_t from = verdict.byte < 40 ? 0 : verdict.byte - 40;
  std::cout << fmt::format("the instance fails at byte {}: after {}\n", verdict.byte,
                           text.substr(from, verdict.byte - from));
  std::cout << fmt::format("  seen:    {}\n", verdict.byte < text.size() ? text.substr(verdict.byte, 40) : "the end");
  if (!verdict.forced.empty()) std::cout << fmt::format("  must be: {}\n", verdict.forced);
  if (verdict.forced.empty() && !verdict.allowed.empty()) std::cout << fmt::format("  allowed: {}\n", verdict.allowed);
}

Json to_json(const Verdict& verdict) {
  Json result{{"valid", verdict.valid}};
  if (!verdict.valid) result.update({{"byte", verdict.byte}, {"forced", verdict.forced}, {"allowed", verdict.allowed}});
  return result;
}

Result<int> run_check(const Options& options) {
  MLXS_TRY(const std::string schema, file_or_text(options.schema));
  grammar::RegexPool pool;
  MLXS_TRY(const auto graph, grammar::SchemaGraph::parse(schema, pool));
  MLXS_TRY(auto vocabulary, byte_vocabulary());
  const JsonSchemaConstraint constraint{
      schema,
      {.space = JsonLayout::Space::any,
       .order = options.declared ? JsonLayout::Order::declared : JsonLayout::Order::any}};
  MLXS_TRY(auto compiled, grammar::compile(constraint, vocabulary));
  Json keywords = Json::array();
  for (const auto& note : graph.notes()) keywords.push_back({{"pointer", note.pointer}, {"effect", note.effect}});
  Json result{{"keywords", keywords}};
  if (!options.json) {
    for (const auto& note : graph.notes()) std::cout << fmt::format("{:<60} {}\n", note.pointer, note.effect);
  }
  bool valid = true;
  if (!options.instance.empty()) {
    MLXS_TRY(std::string text, file_or_text(options.instance));
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    const Verdict verdict = judge(Matcher(compiled), text);
    valid = verdict.valid;
    result["instance"] = to_json(verdict);
    if (!options.json) print(verdict, text);
  }
  if (options.json) std::cout << to_text(result) << "\n";
  return valid ? kExitOk : kExitFailed;
}

}  // namespace

Runner declare_grammar(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.require_subcommand(1);
  auto* check = command.add_subcommand("check", "What becomes of each keyword, and where an instance fails");
  check->add_option("schema", options->schema, "A JSON Schema: a file, or the schema.")->required();
  check->add_option("instance", options->instance, "JSON to judge: a file, or the JSON.");
  check->add_flag("--declared-order", options->declared, "Keys must come as generation has them, not in any order.");
  check->add_flag("--json", options->json, "One JSON object: keywords (pointer, effect), instance (valid, byte ...).");
  return [options] { return run_check(*options); };
}

}  // namespace mlxserving::cli
