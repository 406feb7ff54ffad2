// `mlx-serving run`: talk to a model. With a prompt one answer, without a chat.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/engine_flags.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/knob_flags.h"
#include "core/json.h"
#include "core/result.h"

namespace mlxserving::cli {
namespace {

constexpr const char* kHelp =
    "  /clear          forget the conversation\n"
    "  /system TEXT    set the system message and forget the conversation\n"
    "  /set KNOB VALUE change a sampling knob, as `--help` lists them\n"
    "  /help           this\n"
    "  /bye            leave, as does Ctrl-D\n"
    "  Ctrl-C          stop the answer\n";

struct Options {
  explicit Options(CLI::App& command) : engine(command), knobs(command), constraint(command) {}

  EngineFlags engine;
  KnobFlags knobs;
  ConstraintFlags constraint;
  std::string prompt;
  const CLI::Option* prompt_option = nullptr;
  std::string system;
  bool stats = true;
};

// A conversation and how to answer in it.
class Chat {
 public:
  Chat(Engine& engine, Interrupt& interrupt, SamplingParams sampling, Constraint constraint, std::string system,
       bool stats)
      : engine_(engine),
        interrupt_(interrupt),
        sampling_(std::move(sampling)),
        constraint_(std::move(constraint)),
        stats_(stats) {
    reset(std::move(system));
  }

  void reset(std::string system) {
    messages_ = Json::array();
    if (!system.empty()) messages_.push_back({{"role", "system"}, {"content", system}});
    system_ = std::move(system);
  }
  void reset() { reset(system_); }

  SamplingParams& sampling() { return sampling_; }

  // Prints the answer as it comes and keeps it for the next turn; gives how it ended.
  Result<FinishReason> say(const std::string& text) {
    MLXS_CHECKED(check_utf8(text, "the message"));
    messages_.push_back({{"role", "user"}, {"content", text}});
    auto stream = engine_.submit(
        {.prompt = MessagesPrompt{.json = to_text(messages_)}, .sampling = sampling_, .constraint = constraint_});
    if (!stream) {
      messages_.erase(messages_.size() - 1);
      return stream.error();
    }
    interrupt_.on_signal([&] { (*stream)->cancel(); });
    Result<FinishReason> reason = print(**stream);
    interrupt_.on_signal({});
    if (!reason) messages_.erase(messages_.size() - 1);  // a question without an answer would lead the next one astray
    return reason;
  }

 private:
  Result<FinishReason> print(Stream& stream) {
    std::string answer;
    while (auto event = stream.next()) {
      if (const auto* failed = std::get_if<Failed>(&*event)) return failed->error;
      if (const auto* delta = std::get_if<TextDelta>(&*event)) {
        answer += delta->text;
        std::cout << delta->text << std::flush;
        continue;
      }
      const auto& finished = std::get<Finished>(*event);
      answer += finished.text;
      std::cout << finished.text << std::endl;
      messages_.push_back({{"role", "assistant"}, {"content", answer}});
      if (stats_) print_stats(finished);
      return finished.reason;
    }
    return fail(ErrorCode::internal, "", "the stream ended without a result");
  }

  static void print_stats(const Finished& finished) {
    const Usage& usage = finished.usage;
    std::fprintf(stderr, "\n%d tokens at %.0f tokens/s, first after %.0f ms, prompt of %d at %.0f tokens/s (%s)\n",
                 usage.completion_tokens, finished.timings.decode_tokens_per_second(usage),
                 finished.timings.first_token_ms, usage.prompt_tokens,
                 finished.timings.prefill_tokens_per_second(usage), to_string(finished.reason));
  }

  Engine& engine_;
  Interrupt& interrupt_;
  SamplingParams sampling_;
  Constraint constraint_;
  bool stats_;
  std::string system_;
  Json messages_;
};

void set_knob(Chat& chat, const std::string& arguments) {
  const size_t space = arguments.find(' ');
  const std::string name = arguments.substr(0, space);
  const std::string value = space == std::string::npos ? "" : arguments.substr(space + 1);
  const auto set = read_knob_text(chat.sampling(), name, value);
  if (!set) std::fprintf(stderr, "error: %s\n", set.error().message.c_str());
}

// True if the conversation goes on.
bool obey(Chat& chat, const std::string& line) {
  const size_t space = line.find(' ');
  const std::string command = line.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
  if (command == "/bye" || command == "/exit") return false;
  if (command == "/clear") {
    chat.reset();
  } else if (command == "/system") {
    chat.reset(rest);
  } else if (command == "/set") {
    set_knob(chat, rest);
  } else {
    if (command != "/help") std::fprintf(stderr, "error: unknown command %s\n", command.c_str());
    std::fputs(kHelp, stderr);
  }
  return true;
}

// A person has seen what failed; a script learns it from the exit code.
int converse(Chat& chat) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  if (terminal) std::fputs("Type a message, /help for commands, /bye or Ctrl-D to leave.\n", stderr);
  bool all_answered = true;
  std::string line;
  while (true) {
    if (terminal) std::cout << "\n>>> " << std::flush;
    if (!std::getline(std::cin, line)) break;
    if (line.empty()) continue;
    if (line.front() == '/') {
      if (!obey(chat, line)) break;
      continue;
    }
    if (const auto reason = chat.say(line); !reason) {
      std::fprintf(stderr, "error: %s\n", reason.error().message.c_str());
      all_answered = false;
    }
  }
  return terminal || all_answered ? kExitOk : kExitFailed;
}

Result<int> run_run(const Options& options) {
  MLXS_TRY(const SamplingParams sampling, options.knobs.read());
  MLXS_TRY(Constraint constraint, options.constraint.read());
  MLXS_CHECKED(check_utf8(options.system, "the system message"));
  MLXS_CHECKED(check_utf8(options.prompt, "the message"));
  Interrupt interrupt;
  MLXS_TRY(const auto engine, options.engine.load(/*quiet=*/false));
  Chat chat(*engine, interrupt, sampling, std::move(constraint), options.system, options.stats);
  if (options.prompt_option->empty()) return converse(chat);
  MLXS_TRY(const FinishReason reason, chat.say(options.prompt));
  return reason == FinishReason::cancelled ? kExitInterrupted : kExitOk;
}

}  // namespace

Runner declare_run(CLI::App& command) {
  auto options = std::make_shared<Options>(command);
  options->prompt_option = command.add_option("prompt", options->prompt, "What to ask; without it a chat begins.");
  command.add_option("--system", options->system, "The system message.");
  command.add_flag("!--no-stats", options->stats, "Do not print tokens and speed after an answer.");
  return [options] { return run_run(*options); };
}

}  // namespace mlxserving::cli
