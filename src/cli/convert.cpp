// mlx-serving convert: a GGUF file becomes a model directory in the MLX format.
#include "hub/convert.h"

#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/long_command.h"
#include "core/json.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

struct Arguments {
  std::string input;
  std::string output;
  std::string dense;
  std::string scales;
  bool force = false;
  bool json = false;
  bool quiet = false;
};

std::optional<format::DType> dtype_named(const std::string& name) {
  if (name == "f32") return format::DType::f32;
  if (name == "f16") return format::DType::f16;
  if (name == "bf16") return format::DType::bf16;
  return std::nullopt;
}

Json to_json(const hub::ConvertSummary& summary, const std::string& output) {
  Json types = Json::object();
  for (const auto& [name, row] : summary.types) {
    types[name] = {{"tensors", row.tensors},
                   {"elements", row.elements},
                   {"target", row.target},
                   {"relative_error", row.relative_error()}};
  }
  return {{"output", output},
          {"model_type", summary.model_type},
          {"parameters", summary.parameters},
          {"tensors", summary.tensors},
          {"bytes", summary.bytes},
          {"files", summary.files},
          {"chat_template", summary.has_chat_template},
          {"types", types}};
}

void print(const hub::ConvertSummary& summary, const std::string& output) {
  std::printf("%s: %s, %s parameters, %s in %zu tensors\n", output.c_str(), summary.model_type.c_str(),
              in_words(summary.parameters, "").c_str(), in_words(summary.bytes, "B").c_str(), summary.tensors);
  for (const auto& [name, row] : summary.types) {
    const std::string loss =
        row.relative_error() == 0 ? "lossless" : fmt::format("error {:.2e} of the values' size", row.relative_error());
    std::printf("  %-5s %4zu tensors -> %s, %s\n", name.c_str(), row.tensors, row.target.c_str(), loss.c_str());
  }
  if (!summary.has_chat_template) std::printf("  the file has no chat template\n");
}

Result<int> run(const Arguments& arguments) {
  LongCommand command("converting", arguments.quiet || arguments.json);
  hub::ConvertOptions options;
  options.repack = {.dense = dtype_named(arguments.dense), .scales = dtype_named(arguments.scales)};
  options.overwrite = arguments.force;
  const auto summary = hub::convert_gguf(arguments.input, arguments.output, options, command.observer());
  command.finish();
  if (!summary && summary.error().code == ErrorCode::cancelled) {
    std::fprintf(stderr, "interrupted; nothing was written\n");
    return kExitInterrupted;
  }
  if (!summary) return summary.error();
  if (arguments.json) {
    std::printf("%s\n", to_text(to_json(*summary, arguments.output)).c_str());
  } else {
    print(*summary, arguments.output);
  }
  return kExitOk;
}

}  // namespace

Runner declare_convert(CLI::App& command) {
  const auto arguments = std::make_shared<Arguments>();
  command.add_option("input", arguments->input, "The GGUF file.")->required();
  command.add_option("output", arguments->output, "The model directory to make.")->required();
  command.add_option("--dense", arguments->dense, "Write every matrix dense, in this type, instead of quantised.")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  command
      .add_option("--scales", arguments->scales,
                  "Type of all scales and biases (default: the smallest that changes no value).")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}));
  command.add_flag("--force", arguments->force, "Replace the output if it is a model directory.");
  command.add_flag("--json", arguments->json, "Print the summary as JSON and no progress.");
  command.add_flag("--quiet", arguments->quiet, "Show no progress.");
  command.footer(
      "Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K and Q5_K blocks are repacked without loss; Q2_K, Q3_K and Q6_K are "
      "quantised\n"
      "anew with two more bits, and the summary says how much that changed.");
  return [arguments] { return run(*arguments); };
}

}  // namespace mlxserving::cli
