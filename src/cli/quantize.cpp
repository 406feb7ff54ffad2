// mlx-serving quantize: a model directory with its matrices in fewer bits.
#include "hub/quantize.h"

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
  std::string mode = "affine";
  int bits = 0;
  int group_size = 0;
  std::string recipe;
  std::vector<std::string> layers;
  bool requantize = false;
  bool force = false;
  bool json = false;
  bool quiet = false;
};

Result<hub::QuantizeOptions> options_of(const Arguments& arguments) {
  hub::QuantizeOptions options;
  options.spec = format::default_spec(*format::quant_mode_from_name(arguments.mode));
  if (arguments.bits != 0) options.spec.bits = arguments.bits;
  if (arguments.group_size != 0) options.spec.group_size = arguments.group_size;
  MLXS_CHECKED(format::validate(options.spec, "quantize"));
  options.recipe = arguments.recipe;
  for (const std::string& layer : arguments.layers) {
    MLXS_TRY(hub::LayerRule rule, hub::parse_layer_rule(layer, options.spec));
    options.layers.push_back(std::move(rule));
  }
  options.requantize = arguments.requantize;
  options.overwrite = arguments.force;
  return options;
}

void print(const hub::QuantizeSummary& summary, const Arguments& arguments) {
  if (arguments.json) {
    const Json json = {{"output", arguments.output},
                       {"parameters", summary.parameters},
                       {"quantized", summary.quantized},
                       {"dense", summary.dense},
                       {"bytes_before", summary.bytes_before},
                       {"bytes", summary.bytes},
                       {"bits_per_weight", summary.bits_per_weight()},
                       {"files", summary.files}};
    std::printf("%s\n", to_text(json).c_str());
    return;
  }
  std::printf("%s: %zu matrices quantised, %zu tensors as they were; %s instead of %s, %.3f bits a weight\n",
              arguments.output.c_str(), summary.quantized, summary.dense, in_words(summary.bytes, "B").c_str(),
              in_words(summary.bytes_before, "B").c_str(), summary.bits_per_weight());
}

Result<int> run(const Arguments& arguments) {
  const Result<hub::QuantizeOptions> options = options_of(arguments);
  if (!options) return wrong_usage(options.error().message);
  LongCommand command("quantising", arguments.quiet || arguments.json);
  const auto summary = hub::quantize_model(arguments.input, arguments.output, *options, command.observer());
  command.finish();
  if (!summary && summary.error().code == ErrorCode::cancelled) {
    std::fprintf(stderr, "interrupted; nothing was written\n");
    return kExitInterrupted;
  }
  if (!summary) return summary.error();
  print(*summary, arguments);
  return kExitOk;
}

}  // namespace

Runner declare_quantize(CLI::App& command) {
  const auto arguments = std::make_shared<Arguments>();
  command.add_option("model", arguments->input, "The model directory: safetensors in bf16, f16 or f32.")->required();
  command.add_option("output", arguments->output, "The model directory to make.")->required();
  command.add_option("--mode", arguments->mode, "affine (default), mxfp4, mxfp8 or nvfp4.")
      ->check(CLI::IsMember({"affine", "mxfp4", "mxfp8", "nvfp4"}));
  command.add_option("--bits", arguments->bits, "Bits a weight: 2, 3, 4 (default), 5, 6 or 8.");
  command.add_option("--group-size", arguments->group_size, "Weights that share a scale: 32, 64 (default) or 128.");
  command
      .add_option("--recipe", arguments->recipe,
                  "More bits where errors hurt most: mixed_2_6, mixed_3_4, mixed_3_6, mixed_4_6.")
      ->check(CLI::IsMember(hub::quantize_recipes()));
  command.add_option("--layer", arguments->layers,
                     "PATTERN=BITS[:GROUP], =MODE or =dense for the layers that match, as in 'lm_head=8:64' or "
                     "'model.layers.*.mlp.down_proj=6'; may be repeated, the last match decides.");
  command.add_flag("--requantize", arguments->requantize, "Take a model that is quantised already.");
  command.add_flag("--force", arguments->force, "Replace the output if it is a model directory.");
  command.add_flag("--json", arguments->json, "Print the summary as JSON and no progress.");
  command.add_flag("--quiet", arguments->quiet, "Show no progress.");
  return [arguments] { return run(*arguments); };
}

}  // namespace mlxserving::cli
