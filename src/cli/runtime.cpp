// `mlx-serving runtime`: the JSON-RPC server on standard input and output.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "api/id_scanner.h"
#include "api/rpc_server.h"
#include "cli/command.h"
#include "cli/engine_flags.h"
#include "cli/interrupt.h"
#include "config/load.h"
#include "core/environment.h"
#include "core/result.h"
#include "net/line_input.h"
#include "net/line_output.h"

namespace mlxserving::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{1000};         // how soon the death of the parent is seen
constexpr milliseconds kFlushTime{1000};    // for the last lines, at the end
constexpr size_t kNotifyAhead = 64 << 10;   // bytes that a client may leave unread before its streams pause
constexpr size_t kRepliesAhead = 64 << 20;  // and before no more requests are read

struct Options {
  std::string config;
  config::RuntimeSettings settings = {};
  // Over the file's, when given.
  std::optional<size_t> max_line_bytes = {};
  std::optional<int64_t> shutdown_ms = {};
  std::string log_level;
  std::string numerics = "default";
  int threads = 0;
  int64_t memory_megabytes = 0;
};

// From bytes to messages for the server, on the thread that reads.
class Reader final : public net::LineReceiver {
 public:
  Reader(api::ServerInbox& inbox, net::LineOutput& output, size_t line_bytes_max)
      : inbox_(inbox), output_(output), line_bytes_max_(line_bytes_max) {}

  void on_line(std::string_view line) override { push(api::read_message(line)); }
  void on_overlong_part(std::string_view part) override { scanner_.feed(part); }
  void on_overlong_end(uint64_t line_bytes) override {
    const api::IdScanner scanned = std::exchange(scanner_, {});
    push(api::BadLine{scanned.id().value_or(Json()),
                      api::rpc_error(api::RpcCode::invalid_request,
                                     fmt::format("Invalid request: the line has {} bytes and must have at most {} "
                                                 "(--max-line-bytes)",
                                                 line_bytes, line_bytes_max_))});
  }

 private:
  void push(std::variant<api::Request, api::BadLine> message) {
    output_.wait_until_below(kRepliesAhead);
    inbox_.push(api::Received{std::move(message)});
  }

  api::ServerInbox& inbox_;
  net::LineOutput& output_;
  size_t line_bytes_max_;
  api::IdScanner scanner_;
};

void read_lines(net::LineInput& input, api::ServerInbox& inbox, net::LineOutput& output, size_t line_bytes_max) {
  Reader reader(inbox, output, line_bytes_max);
  net::LineSplitter splitter(line_bytes_max, reader);
  const pid_t parent = ::getppid();
  bool is_orphan = false;
  // Asked now and then rather than told: a signal at the parent's death would also come at that of its thread.
  input.run(splitter, kTick, [&] {
    if (is_orphan || ::getppid() == parent) return true;
    is_orphan = true;
    inbox.push(api::StopRequested{api::StopReason::parent_died});
    return true;
  });
  inbox.push(api::StopRequested{api::StopReason::input_ended});
}

// The protocol's own descriptor; whatever else prints to standard output ends up with the logs.
int take_standard_output() {
  const int own = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  return own;
}

Result<config::RuntimeSettings> read_settings(const Options& options) {
  const auto path = options.config.empty() ? config::configured_path() : std::optional(options.config);
  MLXS_TRY(config::RuntimeSettings settings, config::load_settings(path, config::environment_name()));
  settings.max_line_bytes = options.max_line_bytes.value_or(settings.max_line_bytes);
  settings.shutdown_ms = options.shutdown_ms.value_or(settings.shutdown_ms);
  settings.pending_max = options.settings.pending_max;
  settings.streams_max = options.settings.streams_max;
  return settings;
}

Result<telemetry::Level> log_level(const Options& options, const config::RuntimeSettings& settings) {
  std::string name = options.log_level;
  for (const char* variable : {"MLX_SERVING_LOG_LEVEL", "KR_MLX_LOG_LEVEL"}) {
    if (name.empty()) name = environment_variable(variable).value_or("");
  }
  if (name.empty()) return settings.debug ? telemetry::Level::debug : telemetry::Level::info;
  const auto level = telemetry::level_of(name);
  if (level) return *level;
  return fail(ErrorCode::invalid_request, "log-level",
              "the log level must be trace, debug, info, warn, error or off, got '{}'", name);
}

Result<int> run_runtime(const Options& options) {
  MLXS_TRY(const config::RuntimeSettings settings, read_settings(options));
  MLXS_TRY(const telemetry::Level level, log_level(options, settings));
  MLXS_TRY(const Numerics numerics, read_numerics(options.numerics));
  std::signal(SIGPIPE, SIG_IGN);
  Interrupt interrupt;
  telemetry::Log log(level);
  api::ServerInbox inbox(api::kServerInboxMax);
  const auto stop = [&](api::StopReason reason) { inbox.push(api::StopRequested{reason}); };
  const int descriptor = take_standard_output();
  auto output = std::make_unique<net::LineOutput>(descriptor, [&] { stop(api::StopReason::output_broken); });
  const auto host = Host::create({.memory_bytes = options.memory_megabytes * 1'000'000,
                                  .engine = {.numerics = numerics, .threads = options.threads}});
  const api::Services services{*host, log, settings, MLXS_VERSION, MLXS_MLX_VERSION};
  bool is_clean = false;
  {
    api::RpcServer server(services, inbox,
                          {.reply = [&](const std::string& line) { output->write(line); },
                           .notify =
                               [&](const std::string& line) {
                                 output->wait_until_below(kNotifyAhead);
                                 output->write(line);
                               }});
    net::LineInput input(STDIN_FILENO);
    std::thread reader([&] { read_lines(input, inbox, *output, settings.max_line_bytes); });
    interrupt.on_signal([&] { stop(api::StopReason::signal); });
    log.write_text("MLX Runtime ready");
    is_clean = server.run();
    interrupt.on_signal({});
    inbox.close();
    output->finish(kFlushTime);
    input.stop();
    reader.join();
    if (!is_clean) {
      log.drain(kFlushTime);
      ::_exit(kExitOk);  // what still runs cannot be waited for
    }
  }
  output.reset();
  ::close(descriptor);
  return kExitOk;
}

}  // namespace

Runner declare_runtime(CLI::App& command) {
  auto options = std::make_shared<Options>();
  config::RuntimeSettings& settings = options->settings;
  command.add_option("--config", options->config,
                     "runtime.yaml. Default the file that MLX_SERVING_CONFIG names, else none. docs/configuration.md.");
  command.add_option("--max-line-bytes", options->max_line_bytes, "Bytes of one message. Default 67108864.")
      ->check(CLI::Range(size_t{1024}, size_t{1} << 30));
  command.add_option("--max-pending", settings.pending_max, "Requests that may wait for their reply.")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->capture_default_str();
  command.add_option("--max-streams", settings.streams_max, "Generations that may be under way.")
      ->check(CLI::Range(size_t{1}, size_t{1} << 14))
      ->capture_default_str();
  command
      .add_option("--shutdown-ms", options->shutdown_ms,
                  "How long running requests may take to finish after SIGTERM or the end of the input. Default 4000.")
      ->check(CLI::Range(int64_t{0}, int64_t{86'400'000}));
  command.add_option("--log-level", options->log_level,
                     "trace, debug, info, warn, error or off. Default MLX_SERVING_LOG_LEVEL, KR_MLX_LOG_LEVEL, info.");
  command.add_option("--numerics", options->numerics, "As in mlx-serving generate.")
      ->check(CLI::IsMember({"f32", "default", "fast"}))
      ->capture_default_str()
      ->group("Engine");
  command.add_option("--threads", options->threads, "Threads that compute. Default one a core this process may use.")
      ->check(CLI::Range(0, 64))
      ->group("Engine");
  command
      .add_option("--memory", options->memory_megabytes,
                  "Megabytes for all models together. Default what the machine has, less an eighth.")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->group("Engine");
  command.footer(
      "Messages are JSON-RPC 2.0, one a line, on standard input and output; logs are JSON lines on standard "
      "error. docs/json-rpc.md lists the methods.");
  return [options] { return run_runtime(*options); };
}

}  // namespace mlxserving::cli
