// `mlx-serving config check FILE`: what a configuration file says, before it matters.
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "config/check.h"
#include "config/yaml.h"
#include "core/json.h"
#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

using config::Finding;
using config::Severity;

struct Options {
  std::string file;
  std::string kind;
  bool json = false;
  bool strict = false;
  bool quiet = false;
};

size_t count(const std::vector<Finding>& findings, Severity severity) {
  return static_cast<size_t>(std::ranges::count(findings, severity, &Finding::severity));
}

void print_json(const Options& options, config::FileKind kind, const std::vector<Finding>& findings, bool is_good) {
  Json list = Json::array();
  for (const Finding& finding : findings) {
    Json row = {{"severity", config::to_string(finding.severity)},
                {"line", finding.line},
                {"key", finding.key},
                {"message", finding.message}};
    if (!finding.suggestion.empty()) row["did_you_mean"] = finding.suggestion;
    list.push_back(std::move(row));
  }
  std::cout << to_text({{"file", options.file}, {"kind", config::to_string(kind)}, {"ok", is_good}, {"findings", list}},
                       2)
            << "\n";
}

void print_text(const Options& options, config::FileKind kind, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (options.quiet && finding.severity == Severity::note) continue;
    std::cout << options.file;
    if (finding.line > 0) std::cout << ':' << finding.line;
    std::cout << ": " << config::to_string(finding.severity) << ": " << finding.key << ": " << finding.message;
    if (!finding.suggestion.empty()) std::cout << "; did you mean '" << finding.suggestion << "'?";
    std::cout << "\n";
  }
  std::cout << fmt::format("{} ({}): {} errors, {} warnings, {} keys without effect\n", options.file,
                           config::to_string(kind), count(findings, Severity::error),
                           count(findings, Severity::warning), count(findings, Severity::note));
}

Result<int> run_check(const Options& options) {
  MLXS_TRY(const std::string text, read_file(options.file, config::kYamlBytesMax));
  const config::FileKind kind = options.kind == "runtime"     ? config::FileKind::runtime
                                : options.kind == "telemetry" ? config::FileKind::telemetry
                                : options.kind == "flags"     ? config::FileKind::flags
                                                              : config::kind_of(options.file);
  const std::vector<Finding> findings = config::check_config(text, options.file, kind);
  const size_t faults = count(findings, Severity::error) + (options.strict ? count(findings, Severity::warning) : 0);
  if (options.json) {
    print_json(options, kind, findings, faults == 0);
  } else {
    print_text(options, kind, findings);
  }
  return faults == 0 ? kExitOk : kExitFailed;
}

}  // namespace

Runner declare_config(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.require_subcommand(1);
  CLI::App* check =
      command.add_subcommand("check", "Say what a configuration file gets wrong, and what it says for nothing");
  check->add_option("file", options->file, "runtime.yaml, telemetry.yaml or feature-flags.yaml.")->required();
  check->add_option("--kind", options->kind, "What the file is. Default by its name.")
      ->check(CLI::IsMember({"runtime", "telemetry", "flags"}));
  check->add_flag("--strict", options->strict, "Unknown keys fail the check too.");
  check->add_flag("--quiet", options->quiet, "Leave out keys that are accepted and have no effect.");
  check->add_flag("--json", options->json, "Print one JSON object.");
  check->footer("Exit codes: 0 the runtime would start with it, 1 it would not.");
  return [options] { return run_check(*options); };
}

}  // namespace mlxserving::cli
