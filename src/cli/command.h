// What a command of `mlx-serving` is: one file each, one row each in main.cpp.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "mlxserving/error.h"

namespace mlxserving::cli {

// Exit codes, as `mlx-serving --help` documents them.
constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;         // the work failed: a model that cannot be loaded, a file that cannot be written
constexpr int kExitUsage = 2;          // the command line is wrong
constexpr int kExitInterrupted = 130;  // Ctrl-C

// Says on standard error what the command line got wrong, which only reading it together could tell; kExitUsage. main
// adds where the help is.
int wrong_usage(const std::string& text);

// Declares the command's arguments on its sub-command and returns what runs it, which gives the exit code. An Error is
// printed by main.
using Runner = std::function<Result<int>()>;
using Declare = Runner (*)(CLI::App& command);

Runner declare_tokenize(CLI::App& command);
Runner declare_template(CLI::App& command);
Runner declare_convert(CLI::App& command);
Runner declare_quantize(CLI::App& command);
Runner declare_inspect(CLI::App& command);
Runner declare_run(CLI::App& command);
Runner declare_generate(CLI::App& command);
Runner declare_logits(CLI::App& command);
Runner declare_bench(CLI::App& command);
Runner declare_config(CLI::App& command);
Runner declare_perplexity(CLI::App& command);
Runner declare_runtime(CLI::App& command);
Runner declare_doctor(CLI::App& command);
Runner declare_schema(CLI::App& command);
Runner declare_serve(CLI::App& command);
Runner declare_grammar(CLI::App& command);

}  // namespace mlxserving::cli
