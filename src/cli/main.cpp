// The program: a table of commands, and the place where what they throw ends.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "core/similar.h"
#include "core/utf8.h"

namespace mlxserving::cli {
namespace {

struct Row {
  const char* name;
  const char* help;
  Declare declare;
};

constexpr Row kCommands[] = {
    {"serve", "Serve models over HTTP, as OpenAI's clients speak it", declare_serve},
    {"run", "Chat with a model, or ask it once", declare_run},
    {"runtime", "Serve programs over standard input and output: JSON-RPC 2.0, one message a line", declare_runtime},
    {"generate", "Answer one prompt; for scripts with --json", declare_generate},
    {"convert", "Make an MLX model directory from a GGUF file", declare_convert},
    {"quantize", "Write a model with its matrices in fewer bits", declare_quantize},
    {"inspect", "Show what a model is, what it needs, and what is wrong with it", declare_inspect},
    {"bench", "Measure prefill, decoding and the share of memory bandwidth reached", declare_bench},
    {"doctor", "Describe this machine and test its kernels", declare_doctor},
    {"perplexity", "Measure how well a model predicts a text", declare_perplexity},
    {"tokenize", "Show the tokens of a text", declare_tokenize},
    {"template", "Render a chat template", declare_template},
    {"logits", "Show the logits a model gives for token ids", declare_logits},
    {"config", "Check configuration files", declare_config},
    {"grammar", "Show what is enforced of a JSON Schema, and where an instance fails", declare_grammar},
    {"schema", "Print every message of every boundary as JSON Schema, TypeScript or Zod", declare_schema},
};

// A message may quote the bytes of a broken file.
void print(const Error& error) { std::fprintf(stderr, "error: %s\n", utf8::to_valid(error.message).c_str()); }

// A standard stream that the caller closed would be given to the next file opened, and what is meant for a person
// would be written into a model. In their place: input that ends, output that fails, messages nobody reads.
void fill_closed_streams() {
  for (const auto& [stream, mode] :
       {std::pair(STDIN_FILENO, O_RDONLY), std::pair(STDOUT_FILENO, O_RDONLY), std::pair(STDERR_FILENO, O_WRONLY)}) {
    if (::fcntl(stream, F_GETFD) < 0) std::ignore = ::open("/dev/null", mode);  // the lowest number that is free
  }
}

// CLI11 would only say that a command is missing.
bool is_unknown_command(int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-' || argv[1][0] == '\0') return false;
  return std::ranges::none_of(kCommands, [&](const Row& row) { return argv[1] == std::string_view(row.name); });
}

int hint_at_help(const std::string& command) {
  std::fprintf(stderr, "Run mlx-serving %s--help for more information.\n",
               command.empty() ? "" : (command + " ").c_str());
  return kExitUsage;
}

int refuse_command(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Row& row : kCommands) names.emplace_back(row.name);
  const auto near = most_similar(name, names);
  wrong_usage(fmt::format("there is no command '{}'{}", name,
                          near ? fmt::format("; did you mean '{}'?", *near) : std::string()));
  return hint_at_help("");
}

std::string usage_fault(const CLI::App* app, const CLI::Error& error) {
  const auto commands = app->get_subcommands();
  return fmt::format("error: {}\nRun mlx-serving {}--help for more information.\n", error.what(),
                     commands.empty() ? "" : commands.front()->get_name() + " ");
}

// A full disk is a failure, not a short answer.
bool is_output_written() {
  std::cout.flush();
  if (std::cout && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return true;
  print({ErrorCode::io, "standard output could not be written", ""});
  return false;
}

int run(int argc, char** argv) {
  if (is_unknown_command(argc, argv)) return refuse_command(argv[1]);
  CLI::App app{"Serves language models in the MLX format: one binary, no Python.", "mlx-serving"};
  app.require_subcommand(1);
  app.failure_message(usage_fault);
  app.set_version_flag("--version", MLXS_VERSION);
  app.footer("Exit codes: 0 done, 1 the work failed, 2 wrong command line, 130 interrupted.");
  std::vector<std::pair<CLI::App*, Runner>> commands;
  for (const Row& row : kCommands) {
    CLI::App* command = app.add_subcommand(row.name, row.help);
    commands.emplace_back(command, row.declare(*command));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (app.exit(e) != 0) return kExitUsage;
    return is_output_written() ? kExitOk : kExitFailed;  // of help and version
  }
  for (const auto& [command, runner] : commands) {
    if (!command->parsed()) continue;
    const Result<int> code = runner();
    if (code && *code == kExitUsage) return hint_at_help(command->get_name());
    if (code) return is_output_written() ? *code : kExitFailed;
    print(code.error());
    return code.error().code == ErrorCode::cancelled ? kExitInterrupted : kExitFailed;
  }
  return kExitUsage;
}

}  // namespace

int wrong_usage(const std::string& text) {
  std::fprintf(stderr, "error: %s\n", text.c_str());
  return kExitUsage;
}

}  // namespace mlxserving::cli

int main(int argc, char** argv) {
  try {
    mlxserving::cli::fill_closed_streams();
    return mlxserving::cli::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "internal error: %s\n", e.what());
  } catch (...) {
    std::fprintf(stderr, "internal error of unknown kind\n");
  }
  return mlxserving::cli::kExitFailed;
}
