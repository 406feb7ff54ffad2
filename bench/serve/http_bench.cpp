// What the HTTP server costs, on loopback in one process.
//   http_bench streams [--streams N] [--tokens N]     a model that costs nothing: tokens a second, memory a stream
//   http_bench overhead MODEL [--streams N] [--tokens N] [--seconds N] [--gguf FILE --llama-server PROGRAM]
//                                                      a real model in process and over HTTP, by turns, and llama.cpp's
//                                                      server with the same requests
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../../tests/api/scripted_host.h"
#include "api/http_api.h"
#include "http_streams.h"
#include "llama_server.h"
#include "load.h"
#include "mlxserving/host.h"
#include "net/http_server.h"
#include "telemetry/process_memory.h"

namespace {

using namespace mlxserving;
using bench::Figures;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class RunningServer {
 public:
  RunningServer(Host& host, const std::string& id, const std::string& directory)
      : shelf_(host, {{id, directory}}, {}), api_(shelf_, api_options()) {
    net::HttpServerOptions options;
    options.port = 0;
    options.limits = limits();
    auto server = net::HttpServer::bind(options, api_);
    if (!server) throw std::runtime_error(server.error().message);
    server_ = std::move(*server);
    thread_ = std::thread([this] { server_->run(); });
  }
  ~RunningServer() {
    server_->drain();
    thread_.join();
  }
  int port() const { return server_->port(); }

 private:
  static api::ApiOptions api_options() {
    api::ApiOptions options;
    options.limits = limits();
    return options;
  }
  static net::HttpLimits limits() {
    net::HttpLimits limits;
    limits.connections_max = 4096;
    limits.key_requests_max = 4096;
    limits.requests_max = 4096;
    return limits;
  }
  api::ModelShelf shelf_;
  api::HttpApi api_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
};

Figures in_process(Engine& engine, const std::vector<std::string>& contents, int tokens) {
  std::vector<std::unique_ptr<Stream>> streams;
  const auto begin = Clock::now();
  for (const std::string& content : contents) {
    GenerateRequest request{.prompt = MessagesPrompt{to_text(Json::array({{{"role", "user"}, {"content", content}}}))}};
    request.sampling.temperature = 0;
    request.sampling.max_tokens = tokens;
    request.sampling.ignore_eos = true;
    auto stream = engine.submit(std::move(request));
    if (!stream) throw std::runtime_error(stream.error().message);
    streams.push_back(std::move(*stream));
  }
  std::vector<Figures> parts(streams.size());
  std::vector<double> firsts(streams.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < streams.size(); ++i) {
    threads.emplace_back([&, i] {
      while (auto event = streams[i]->next()) {
        const auto* delta = std::get_if<TextDelta>(&*event);
        if (delta == nullptr || delta->text.empty()) continue;
        if (parts[i].tokens++ == 0) firsts[i] = seconds_since(begin) * 1000;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Figures figures;
  for (const Figures& part : parts) figures.tokens += part.tokens;
  figures.seconds = seconds_since(begin);
  figures.first_token_ms = bench::median(firsts);
  return figures;
}

int run_streams(int streams, int tokens) {
  test::ScriptedHost host;
  (void)host.load("scripted", "here", {});
  RunningServer server(host, "scripted", "here");
  bench::over_http(server.port(), {bench::chat_request("scripted", "count 10", 10)});
  const std::string request = bench::chat_request("scripted", "count 1000000", tokens);
  const Figures figures =
      bench::over_http(server.port(), std::vector<std::string>(static_cast<size_t>(streams), request));
  std::printf("%d streams of a model that costs nothing: %zu tokens, %.0f tokens/s\n", streams, figures.tokens,
              figures.rate());

  // Open streams that wait for their first token.
  test::ScriptedHost slow({.prefill_ms = 60'000});
  (void)slow.load("scripted", "here", {});
  RunningServer waiting(slow, "scripted", "here");
  const int64_t before = telemetry::process_memory().resident_bytes;
  std::vector<int> fds;
  for (int i = 0; i < 1000; ++i) {
    fds.push_back(bench::connect_to(waiting.port()));
    bench::send_all(fds.back(), bench::chat_request("scripted", "count 10", 10));
  }
  while (slow.engine("scripted").live() < 1000) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const int64_t after = telemetry::process_memory().resident_bytes;
  std::printf("1000 open streams: %.1f kB each\n", static_cast<double>(after - before) / 1e6);
  for (const int fd : fds) ::close(fd);
  while (slow.engine("scripted").open_streams() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return 0;
}

struct Overhead {
  std::string model;
  int streams = 16;
  int tokens = 64;
  double seconds = 60;
  std::string llama_server;
  std::string gguf;
};

constexpr double kOthersShareMax = 0.04;  // of a round that counts: what other processes may take of the processor

constexpr size_t kQuietRoundsMin = 3;  // below, all rounds are told

// One way of asking the same, and its figures, a round each.
struct Way {
  const char* name;
  std::function<Figures()> ask;
  std::vector<Figures> rounds = {};
};

void print_row(const Way& way, const Way& base, const std::vector<size_t>& rounds) {
  std::vector<double> rates;
  std::vector<double> firsts;
  std::vector<double> shares;
  std::vector<double> delays;
  for (const size_t i : rounds) {
    rates.push_back(way.rounds[i].rate());
    firsts.push_back(way.rounds[i].first_token_ms);
    shares.push_back(way.rounds[i].rate() / base.rounds[i].rate());
    delays.push_back(way.rounds[i].first_token_ms - base.rounds[i].first_token_ms);
  }
  std::printf("%-20s %9.1f tokens/s %8.2f ms to the first | beside %s: x %.4f, %+.2f ms\n", way.name,
              bench::median(rates), bench::median(firsts), base.name, bench::median(shares), bench::median(delays));
}

// The share of the processor that others had while all were asked once, each in its turn.
double take_round(std::vector<Way>& ways, size_t round, pid_t peer) {
  const double busy = bench::others_busy_seconds(peer);
  const auto begin = Clock::now();
  std::vector<Figures> figures(ways.size());
  for (size_t i = 0; i < ways.size(); ++i) {
    const size_t turn = (i + round) % ways.size();
    figures[turn] = ways[turn].ask();
  }
  const double others = (bench::others_busy_seconds(peer) - busy) / seconds_since(begin) /
                        std::max(1U, std::thread::hardware_concurrency());
  std::printf("round %2zu:", round);
  for (size_t i = 0; i < ways.size(); ++i) {
    std::printf(" %s %.1f tokens/s, %.1f ms;", ways[i].name, figures[i].rate(), figures[i].first_token_ms);
    if (round > 0) ways[i].rounds.push_back(figures[i]);
  }
  std::printf(" others %.0f %%%s\n", 100 * others, round == 0 ? " (warm-up)" : "");
  return others;
}

// Rounds until the time is over; the ways' order turns, so that what the machine does meanwhile falls on all alike.
void compare(std::vector<Way>& ways, double seconds, pid_t peer) {
  const auto begin = Clock::now();
  std::vector<size_t> quiet;
  std::vector<size_t> all;
  for (size_t round = 0; round < 2 || seconds_since(begin) < seconds; ++round) {
    const double others = take_round(ways, round, peer);
    if (round == 0) continue;
    all.push_back(round - 1);
    if (others <= kOthersShareMax) quiet.push_back(round - 1);
  }
  const bool is_quiet = quiet.size() >= kQuietRoundsMin;
  std::printf("medians of %zu of %zu rounds%s\n", is_quiet ? quiet.size() : all.size(), all.size(),
              is_quiet ? "" : ": other processes disturbed them");
  for (const Way& way : ways) print_row(way, ways[0], is_quiet ? quiet : all);
}

int run_overhead(const Overhead& options) {
  const auto host = Host::create({});
  const auto engine = host->load("model", options.model, {});
  if (!engine) throw std::runtime_error(engine.error().message);
  RunningServer server(*host, "model", options.model);
  std::unique_ptr<bench::LlamaServer> llama;
  if (!options.llama_server.empty()) {
    llama =
        bench::LlamaServer::start(options.llama_server, options.gguf, options.streams, 512, (*engine)->info().threads);
    if (!llama) return 1;
  }
  std::vector<std::string> contents;
  std::vector<std::string> requests;
  for (int i = 0; i < options.streams; ++i) {
    contents.push_back(fmt::format("Tell a story about the number {}.", i));
    requests.push_back(bench::chat_request("model", contents.back(), options.tokens));
  }
  std::vector<Way> ways = {{"in process", [&] { return in_process(**engine, contents, options.tokens); }},
                           {"http", [&] { return bench::over_http(server.port(), requests); }}};
  if (llama) ways.push_back({"llama.cpp", [&] { return bench::over_http(llama->port(), requests); }});
  std::printf("%d streams of %d tokens, %s\n", options.streams, options.tokens, options.model.c_str());
  compare(ways, options.seconds, llama ? llama->pid() : 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the HTTP server costs"};
  app.require_subcommand(1);
  int streams = 16;
  int tokens = 20'000;
  CLI::App* free = app.add_subcommand("streams");
  free->add_option("--streams", streams);
  free->add_option("--tokens", tokens);
  Overhead options;
  CLI::App* overhead = app.add_subcommand("overhead");
  overhead->add_option("model", options.model)->required();
  overhead->add_option("--seconds", options.seconds, "rounds are begun for so long");
  overhead->add_option("--streams", options.streams);
  overhead->add_option("--tokens", options.tokens);
  overhead->add_option("--gguf", options.gguf);
  overhead->add_option("--llama-server", options.llama_server)->needs("--gguf");
  CLI11_PARSE(app, argc, argv);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each round is seen when it is over
  try {
    return free->parsed() ? run_streams(streams, tokens) : run_overhead(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
