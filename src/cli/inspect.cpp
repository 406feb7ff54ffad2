// mlx-serving inspect: what a model is, what it needs, and what is wrong with it.
#include "hub/inspect.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/long_command.h"
#include "core/json.h"
#include "core/result.h"
#include "models/survey.h"

namespace mlxserving::cli {
namespace {

constexpr int64_t kKvElementBytes = 2;  // f16 or bf16, which the cache has by default
constexpr int64_t kContextShown = 4096;

struct Arguments {
  std::string path;
  bool json = false;
  bool tensors = false;
  bool kernels = false;
};

// What a model needs besides its weights. A sliding layer keeps its window, however long the text.
int64_t kv_bytes(const nn::KvLayout& layout, int64_t tokens) {
  int64_t bytes = 0;
  for (const nn::KvLayer& layer : layout.layers) {
    const int64_t window = layout.windows[static_cast<size_t>(layer.group)];
    const int64_t kept = window > 0 ? std::min(tokens, window) : tokens;
    bytes += kept * 2 * layer.kv_heads * layer.head_dim * kKvElementBytes;
  }
  return bytes;
}

Json memory_json(const models::ModelSurvey& survey) {
  const int64_t context = survey.config.max_position_embeddings;
  return {{"weights_bytes", survey.sizes.weight_bytes},
          {"kv_bytes_token", survey.sizes.kv_elements_token * kKvElementBytes},
          {"context", context},
          {"kv_bytes_context", kv_bytes(survey.kv_layout, context)}};
}

Json kernels_json(const models::ModelSurvey& survey) {
  Json matrices = Json::array();
  for (const auto& m : survey.matrices) {
    matrices.push_back({{"name", m.name},
                        {"shape", {m.rows, m.columns}},
                        {"layout", m.layout},
                        {"isa", m.isa},
                        {"decode", m.decode},
                        {"prefill", m.prefill}});
  }
  return matrices;
}

Json to_json(const hub::Inspection& inspection, const std::optional<models::ModelSurvey>& survey,
             const Arguments& arguments) {
  Json packings = Json::object();
  for (const auto& [name, total] : inspection.packings) {
    packings[name] = {{"tensors", total.tensors}, {"elements", total.elements}, {"bytes", total.bytes}};
  }
  Json json = {{"kind", inspection.kind},
               {"architecture", inspection.architecture},
               {"parameters", inspection.parameters},
               {"bytes", inspection.bytes},
               {"files", inspection.files},
               {"packings", packings}};
  if (survey) json["memory"] = memory_json(*survey);
  if (!inspection.metadata.is_null()) json["metadata"] = inspection.metadata;
  if (survey && arguments.kernels) json["kernels"] = kernels_json(*survey);
  json["problems"] = inspection.problems;
  if (!arguments.tensors) return json;
  json["tensors"] = Json::array();
  for (const hub::InspectedTensor& tensor : inspection.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name}, {"packing", tensor.packing}, {"shape", tensor.shape}, {"bytes", tensor.bytes}});
  }
  return json;
}

void print_memory(const models::ModelSurvey& survey) {
  const auto context = survey.config.max_position_embeddings;
  std::printf("memory        %s of weights, and %s of cache a token in 16 bits\n",
              in_words(static_cast<uint64_t>(survey.sizes.weight_bytes), "B").c_str(),
              in_words(static_cast<uint64_t>(kv_bytes(survey.kv_layout, 1)), "B").c_str());
  for (const int64_t tokens : {std::min(kContextShown, context), context}) {
    const int64_t cache = kv_bytes(survey.kv_layout, tokens);
    std::printf("              %7lld tokens: %s, together %s%s\n", static_cast<long long>(tokens),
                in_words(static_cast<uint64_t>(cache), "B").c_str(),
                in_words(static_cast<uint64_t>(cache + survey.sizes.weight_bytes), "B").c_str(),
                tokens == context ? " (the model's longest text)" : "");
    if (tokens == context) break;
  }
}

void print_tensors(const hub::Inspection& inspection) {
  size_t width = 0;
  for (const hub::InspectedTensor& tensor : inspection.tensors) width = std::max(width, tensor.name.size());
  for (const hub::InspectedTensor& tensor : inspection.tensors) {
    std::printf("%-*s  %-20s %-18s %s\n", static_cast<int>(width), tensor.name.c_str(), tensor.packing.c_str(),
                format::to_string(tensor.shape).c_str(), in_words(tensor.bytes, "B").c_str());
  }
}

// Which kernel multiplies by each matrix on this CPU.
void print_kernels(const models::ModelSurvey& survey) {
  size_t width = 0;
  size_t decode_width = 0;
  for (const auto& m : survey.matrices) {
    width = std::max(width, m.name.size());
    decode_width = std::max(decode_width, m.decode.size());
  }
  for (const auto& m : survey.matrices) {
    std::printf("%-*s  %-16s %-20s %s: decode %-*s  prefill %s\n", static_cast<int>(width), m.name.c_str(),
                format::to_string({m.rows, m.columns}).c_str(), m.layout.c_str(), m.isa.c_str(),
                static_cast<int>(decode_width), m.decode.c_str(), m.prefill.c_str());
  }
}

// A value of metadata on one line: templates are long.
std::string one_line(const Json& value) {
  constexpr size_t kWidth = 90;
  std::string text = to_text(value);
  if (text.size() <= kWidth) return text;
  size_t end = kWidth - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "...";
}

void print(const hub::Inspection& inspection, const std::optional<models::ModelSurvey>& survey,
           const Arguments& arguments) {
  std::printf("kind          %s\n", inspection.kind.c_str());
  if (!inspection.architecture.empty()) std::printf("architecture  %s\n", inspection.architecture.c_str());
  std::printf("parameters    %s in %zu tensors, %s in %zu file%s\n", in_words(inspection.parameters, "").c_str(),
              inspection.tensors.size(), in_words(inspection.bytes, "B").c_str(), inspection.files.size(),
              inspection.files.size() == 1 ? "" : "s");
  const char* title = "packing";
  for (const auto& [name, total] : inspection.packings) {
    std::printf("%-13s %-20s %5zu tensors, %s values, %s\n", title, name.c_str(), total.tensors,
                in_words(total.elements, "").c_str(), in_words(total.bytes, "B").c_str());
    title = "";
  }
  if (survey) print_memory(*survey);
  for (const auto& [key, value] : inspection.metadata.items()) {
    std::printf("  %-40s %s\n", key.c_str(), one_line(value).c_str());
  }
  if (arguments.tensors) print_tensors(inspection);
  if (survey && arguments.kernels) print_kernels(*survey);
  for (const std::string& problem : inspection.problems) std::printf("problem       %s\n", problem.c_str());
}

Result<int> run(const Arguments& arguments) {
  MLXS_TRY(hub::Inspection inspection, hub::inspect(arguments.path));
  std::optional<models::ModelSurvey> survey;
  std::error_code ec;
  if (std::filesystem::is_directory(arguments.path, ec) && inspection.problems.empty()) {
    auto surveyed = models::survey_model(arguments.path);
    if (surveyed) {
      survey = *std::move(surveyed);
    } else {
      inspection.problems.push_back(surveyed.error().message);
    }
  }
  if (arguments.json) {
    std::printf("%s\n", to_text(to_json(inspection, survey, arguments)).c_str());
  } else {
    print(inspection, survey, arguments);
  }
  return inspection.problems.empty() ? kExitOk : kExitFailed;
}

}  // namespace

Runner declare_inspect(CLI::App& command) {
  const auto arguments = std::make_shared<Arguments>();
  command.add_option("path", arguments->path, "A model directory, a .gguf or a .safetensors file.")->required();
  command.add_flag("--json", arguments->json, "Print everything as one JSON object.");
  command.add_flag("--tensors", arguments->tensors, "List every tensor.");
  command.add_flag("--kernels", arguments->kernels,
                   "List the kernel that multiplies by each matrix on this CPU, for decode rows and for prefill.");
  command.footer("Exit code 1 when something is wrong with the model: each problem is printed.");
  return [arguments] { return run(*arguments); };
}

}  // namespace mlxserving::cli
