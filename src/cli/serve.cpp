// `mlx-serving serve`: models behind an HTTP server.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <set>

#include "api/host_check.h"
#include "api/http_api.h"
#include "cli/command.h"
#include "cli/engine_flags.h"
#include "cli/interrupt.h"
#include "core/result.h"
#include "net/http_server.h"
#include "telemetry/log.h"

namespace mlxserving::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> models;
  std::vector<std::string> spare_models;
  net::HttpServerOptions server;
  api::ApiOptions api;
  EngineSettings engine;
  int64_t memory_megabytes = 0;
  bool quiet = false;
};

// "ID=DIR", or a directory whose name is the id.
Result<api::KnownModel> read_model(const std::string& text) {
  api::KnownModel model;
  const size_t equals = text.find('=');
  model.directory = equals == std::string::npos ? text : text.substr(equals + 1);
  if (!fs::is_directory(model.directory)) {
    return fail(ErrorCode::not_found, "model", "there is no directory '{}'", model.directory);
  }
  model.id = equals == std::string::npos ? fs::canonical(model.directory).filename().string() : text.substr(0, equals);
  if (model.id.empty()) return fail(ErrorCode::invalid_request, "model", "the model {} needs an id: ID=DIR", text);
  return model;
}

Result<std::vector<api::KnownModel>> read_models(const Options& options) {
  std::vector<api::KnownModel> models;
  for (const auto* list : {&options.models, &options.spare_models}) {
    for (const std::string& text : *list) {
      MLXS_TRY(api::KnownModel model, read_model(text));
      if (std::ranges::find(models, model.id, &api::KnownModel::id) != models.end()) {
        return fail(ErrorCode::invalid_request, "model", "two models have the id '{}'; name one of them: ID=DIR",
                    model.id);
      }
      models.push_back(std::move(model));
    }
  }
  return models;
}

constexpr std::chrono::seconds kLogDrain{1};

void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

std::string addresses(const Options& options, const net::HttpServer& server) {
  std::string text;
  if (server.port() >= 0) {
    const bool v6 = options.server.address.find(':') != std::string::npos;
    const std::string host = v6 ? "[" + options.server.address + "]" : options.server.address;
    text = fmt::format("{}://{}:{}", options.server.tls_certificate.empty() ? "http" : "https", host, server.port());
  }
  if (!options.server.unix_socket.empty()) text += (text.empty() ? "" : " and ") + options.server.unix_socket;
  return text;
}

Result<int> run_serve(const Options& options) {
  if (options.server.port < 0 && options.server.unix_socket.empty()) {
    return wrong_usage("--port -1 listens nowhere without --unix-socket");
  }
  MLXS_TRY(const auto known, read_models(options));
  MLXS_TRY(const EngineOptions engine, options.engine.read());
  std::signal(SIGPIPE, SIG_IGN);  // whoever read the log may go, the server stays
  Interrupt interrupt;
  const auto host = Host::create({.memory_bytes = options.memory_megabytes * 1'000'000, .engine = engine});
  api::ModelShelf shelf(*host, known, engine);
  api::ApiOptions api_options = options.api;
  api_options.limits = options.server.limits;
  api_options.checks_host = api::is_loopback(options.server.address) || !api_options.hosts.empty();
  telemetry::Log log(options.quiet ? telemetry::Level::off : telemetry::Level::info);
  api_options.access_log = &log;
  api::HttpApi api(shelf, api_options);
  MLXS_TRY(const auto server, net::HttpServer::bind(options.server, api));
  api.state().connections = [&server] { return server->connections(); };
  interrupt.on_signal([&] {
    say("shutting down: running requests may end; a second signal cuts them");
    api.state().draining = true;
    server->drain();
  });
  // A model of the command line that cannot be loaded ends the program, unless it has been loaded before.
  Result<void> outcome;
  std::set<std::string> expected;
  std::mutex outcome_mutex;
  shelf.on_loaded([&](const std::string& id, const Result<void>& loaded) {
    const std::lock_guard lock(outcome_mutex);
    const bool is_expected = expected.erase(id) > 0;
    if (loaded) return say(fmt::format("model {} is ready", id));
    say(fmt::format("model {} could not be loaded: {}", id, loaded.error().message));
    if (!is_expected || !outcome) return;
    outcome = loaded;
    server->drain();
  });
  say(fmt::format("listening at {}", addresses(options, *server)));
  for (size_t i = 0; i < options.models.size(); ++i) expected.insert(known[i].id);
  for (size_t i = 0; i < options.models.size(); ++i) MLXS_CHECKED(shelf.load(known[i].id));
  server->run();
  log.drain(kLogDrain);
  interrupt.on_signal({});
  shelf.finish_loads();  // which speak of the server
  const std::lock_guard lock(outcome_mutex);
  if (!outcome) return outcome.error();
  return kExitOk;
}

void declare_limits(CLI::App& command, net::HttpLimits& limits) {
  for (const net::HttpLimit& limit : net::kHttpLimits) {
    std::string flag = std::string("--") + limit.name;
    std::ranges::replace(flag, '_', '-');
    const std::string status = limit.status == 0 ? "" : fmt::format(" Status {}.", limit.status);
    command.add_option(flag, limits.*limit.member, limit.doc + status)
        ->check(CLI::Range(limit.min, limit.max))
        ->capture_default_str()
        ->group("Limits");
  }
}

}  // namespace

Runner declare_serve(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("models", options->models, "Directories in the MLX format to load, or ID=DIR.");
  command.add_option("--also", options->spare_models,
                     "A further model, which POST /v1/models/load loads when asked; may be repeated.");
  command.add_option("--address", options->server.address, "IP address to listen at.")->capture_default_str();
  command.add_option("--port", options->server.port, "Port to listen at; 0 takes a free one, -1 none.")
      ->check(CLI::Range(-1, 65535))
      ->capture_default_str();
  command.add_option("--unix-socket", options->server.unix_socket, "Listen at this path as well.");
  command.add_option("--tls-certificate", options->server.tls_certificate, "A PEM file with the certificate chain.");
  command.add_option("--tls-key", options->server.tls_key, "A PEM file with its private key.");
  command
      .add_option("--api-key", options->api.keys,
                  "A key that clients must show; may be repeated. Without one: anybody.")
      ->allow_extra_args(false)
      ->envname("MLXS_API_KEY");
  command.add_option("--cors-origin", options->api.cors_origin,
                     "Pages of this origin may ask in a browser (* for any). Without it: none.");
  command
      .add_option("--allowed-host", options->api.hosts,
                  "A name that clients may reach this server by, besides localhost and IP addresses (* for any); may "
                  "be repeated. Asked for at loopback addresses, or once one is given.")
      ->allow_extra_args(false);
  command
      .add_option("--memory", options->memory_megabytes, "Megabytes for all models. Default what the machine allows.")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30));
  command.add_flag("--quiet", options->quiet, "No access log.");
  options->engine.declare(command);
  declare_limits(command, options->server.limits);
  return [options] { return run_serve(*options); };
}

}  // namespace mlxserving::cli
