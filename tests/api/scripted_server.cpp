// `mlx-serving serve` over a scripted model, for clients' tests and measurements: prints its address, serves until
// SIGTERM.   scripted_server [--token-ms X] [--prefill-ms X] [--api-key K] [--port N] [--unix-socket P] [--access-log]
// [--allowed-host NAME] [--LIMIT N]...
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include "api/http_api.h"
#include "api/scripted_host.h"
#include "net/http_server.h"
#include "telemetry/log.h"

int main(int argc, char** argv) {
  using namespace mlxserving;
  sigset_t signals;  // before any thread is made, so that all leave them to the watcher
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  CLI::App app{"A server over a scripted model"};
  test::ScriptedOptions scripted;
  net::HttpServerOptions server_options;
  api::ApiOptions api_options;
  server_options.port = 0;
  app.add_option("--token-ms", scripted.token_ms);
  app.add_option("--prefill-ms", scripted.prefill_ms);
  app.add_option("--api-key", api_options.keys)->allow_extra_args(false);
  app.add_option("--cors-origin", api_options.cors_origin);
  app.add_option("--allowed-host", api_options.hosts)->allow_extra_args(false);
  telemetry::Log log(telemetry::Level::info);
  app.add_flag_callback("--access-log", [&] { api_options.access_log = &log; });
  app.add_option("--port", server_options.port);
  app.add_option("--unix-socket", server_options.unix_socket);
  app.add_option("--tls-certificate", server_options.tls_certificate);
  app.add_option("--tls-key", server_options.tls_key);
  for (const net::HttpLimit& limit : net::kHttpLimits) {
    std::string flag = std::string("--") + limit.name;
    std::ranges::replace(flag, '_', '-');
    app.add_option(flag, server_options.limits.*limit.member);
  }
  CLI11_PARSE(app, argc, argv);

  test::ScriptedHost host(scripted);
  api::ModelShelf shelf(host, {{"scripted", "here"}, {"spare", "here"}, {"broken", "broken"}}, {});
  (void)host.load("scripted", "here", {});
  api_options.limits = server_options.limits;
  api_options.checks_host = true;
  api::HttpApi api(shelf, api_options);
  const auto server = net::HttpServer::bind(server_options, api);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  api.state().connections = [&] { return (*server)->connections(); };
  std::thread watcher([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    api.state().draining = true;
    (*server)->drain();
  });
  std::printf("%d\n", (*server)->port());
  std::fflush(stdout);
  (*server)->run();
  watcher.join();
  log.drain(std::chrono::seconds(1));
  return 0;
}
