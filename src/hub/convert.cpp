#include "hub/convert.h"

#include <algorithm>

#include "core/result.h"
#include "format/safetensors_writer.h"
#include "hub/gguf_config.h"
#include "hub/gguf_tokenizer.h"
#include "hub/staged_directory.h"

namespace mlxserving::hub {
namespace {

using format::QuantSpec;

Json spec_json(const QuantSpec& spec) { return {{"group_size", spec.group_size}, {"bits", spec.bits}}; }

std::string pretty(const Json& value) { return to_text(value, 2) + "\n"; }

// What is rounded comes in f16 or bf16, which is then the type to compute in; config.json says so as Hugging Face does.
Result<void> write_texts(const StagedDirectory& out, const Json& config, const format::GgufFile& file,
                         const TokenizerFiles& tokenizer) {
  MLXS_CHECKED(out.write("config.json", pretty(config)));
  MLXS_CHECKED(out.write("generation_config.json", pretty(generation_config_from_gguf(file))));
  MLXS_CHECKED(out.write("tokenizer.json", to_text(tokenizer.tokenizer)));
  MLXS_CHECKED(out.write("tokenizer_config.json", pretty(tokenizer.config)));
  if (tokenizer.chat_template.empty()) return {};
  return out.write("chat_template.jinja", tokenizer.chat_template);
}

uint64_t bytes_to_write(const std::vector<format::TensorSource>& sources) {
  uint64_t bytes = 0;
  for (const format::TensorSource& source : sources) {
    for (const format::TensorInfo& info : source.tensors) bytes += byte_count(info);
  }
  return bytes;
}

}  // namespace

Json quantization_block(const std::map<std::string, QuantSpec>& quantized) {
  std::vector<std::pair<QuantSpec, size_t>> counts;
  for (const auto& [module, spec] : quantized) {
    const auto it = std::find_if(counts.begin(), counts.end(), [&](const auto& row) { return row.first == spec; });
    if (it == counts.end()) {
      counts.emplace_back(spec, 1);
    } else {
      ++it->second;
    }
  }
  const auto commonest =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  Json block = spec_json(commonest->first);
  block["mode"] = to_string(commonest->first.mode);
  for (const auto& [module, spec] : quantized) {
    if (spec == commonest->first) continue;
    block[module] = spec_json(spec);
    // A layer's entry without a mode means affine, whatever the mode of the rest.
    if (spec.mode != format::QuantMode::affine) block[module]["mode"] = to_string(spec.mode);
  }
  return block;
}

Result<ConvertSummary> convert_gguf(const std::string& path, const std::string& target, const ConvertOptions& options,
                                    const WorkObserver& observer) {
  MLXS_TRY(const format::GgufFile file, format::open_gguf(path));
  MLXS_TRY(Json config, config_from_gguf(file));
  MLXS_TRY(const TokenizerFiles tokenizer, tokenizer_from_gguf(file));
  MLXS_TRY(const GgufWeights weights, weights_from_gguf(file, config, options.repack));
  if (!weights.quantized.empty()) {
    config["quantization"] = quantization_block(weights.quantized);
    config["quantization_config"] = config["quantization"];
  }
  MLXS_TRY(const auto out, StagedDirectory::create(target, options.overwrite));
  MLXS_CHECKED(write_texts(*out, config, file, tokenizer));

  observer.begin(bytes_to_write(weights.sources));
  const format::WriteOptions write_options{.on_written = observer.advance};
  MLXS_TRY(format::WrittenWeights written,
           format::write_model_weights(out->path(), weights.sources, weights.parameters, write_options));
  MLXS_CHECKED(out->commit());

  ConvertSummary summary;
  summary.model_type = config["model_type"].get<std::string>();
  summary.parameters = weights.parameters;
  for (const format::TensorSource& source : weights.sources) summary.tensors += source.tensors.size();
  summary.bytes = written.bytes;
  summary.files = std::move(written.files);
  summary.types = *weights.report;
  summary.has_chat_template = !tokenizer.chat_template.empty();
  return summary;
}

}  // namespace mlxserving::hub
