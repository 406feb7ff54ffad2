// What the HTTP server costs, on loopback in one process.
//   http_bench streams [--streams N] [--tokens N]     a model that costs nothing: tokens a second, memory a stream
//   http_bench overhead MODEL [--streams N] [--tokens N] [--rounds N] [--gguf FILE --llama-server PROGRAM]
//                                                      a real model in process and over HTTP, by turns, and llama.cpp's
//                                                      server with the same requests
#include <arpa/inet.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "../../tests/api/scripted_host.h"
#include "api/http_api.h"
#include "llama_server.h"
#include "mlxserving/host.h"
#include "net/http_server.h"

namespace {

using namespace mlxserving;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

size_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

struct Figures {
  size_t tokens = 0;
  double seconds = 0;
  double first_token_ms = 0;  // median

  double rate() const { return static_cast<double>(tokens) / seconds; }
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

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

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) throw std::runtime_error("connect");
  return fd;
}

void send_all(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(fd, bytes.data() + sent, bytes.size() - sent, 0);
    if (count <= 0) throw std::runtime_error("send");
    sent += static_cast<size_t>(count);
  }
}

std::string chat(const std::string& model, const std::string& content, int tokens) {
  const Json body = {{"model", model},   {"messages", Json::array({{{"role", "user"}, {"content", content}}})},
                     {"stream", true},   {"max_tokens", tokens},
                     {"temperature", 0}, {"ignore_eos", true}};
  const std::string text = to_text(body);
  return fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
      "connection: close\r\ncontent-length: {}\r\n\r\n{}",
      text.size(), text);
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

// Reads every stream to its end with one thread; a token is a chunk with content.
Figures read_streams(std::vector<int> fds, Clock::time_point begin) {
  constexpr std::string_view kToken = "\"delta\":{\"content\":";
  Figures figures;
  std::vector<pollfd> polled;
  for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
  std::vector<double> firsts(fds.size(), 0);
  std::vector<std::string> tails(fds.size());  // what may be the beginning of a mark
  std::vector<char> buffer(64 << 10);
  for (size_t open = fds.size(); open > 0;) {
    ::poll(polled.data(), polled.size(), 10'000);
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      const ssize_t count = ::recv(polled[i].fd, buffer.data(), buffer.size(), 0);
      if (count <= 0) {
        ::close(polled[i].fd);
        polled[i].fd = -1;
        --open;
        continue;
      }
      tails[i].append(buffer.data(), static_cast<size_t>(count));
      const size_t tokens = count_of(tails[i], kToken);
      if (tokens > 0 && firsts[i] == 0) firsts[i] = seconds_since(begin) * 1000;
      figures.tokens += tokens;
      const size_t last = tails[i].rfind(kToken);
      const size_t keep = last == std::string::npos ? 0 : last + kToken.size();
      tails[i].erase(0, std::max(keep, tails[i].size() - std::min(tails[i].size(), kToken.size() - 1)));
    }
  }
  figures.seconds = seconds_since(begin);
  figures.first_token_ms = median(firsts);
  return figures;
}

Figures over_http(int port, const std::vector<std::string>& requests) {
  std::vector<int> fds;
  for (size_t i = 0; i < requests.size(); ++i) fds.push_back(connect_to(port));
  const auto begin = Clock::now();
  for (size_t i = 0; i < requests.size(); ++i) send_all(fds[i], requests[i]);
  return read_streams(std::move(fds), begin);
}

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
  figures.first_token_ms = median(firsts);
  return figures;
}

void print(const char* name, const Figures& figures) {
  std::printf("%-12s %9zu tokens %9.1f tokens/s  first token %8.2f ms\n", name, figures.tokens, figures.rate(),
              figures.first_token_ms);
}

int run_streams(int streams, int tokens) {
  test::ScriptedHost host;
  (void)host.load("scripted", "here", {});
  RunningServer server(host, "scripted", "here");
  over_http(server.port(), {chat("scripted", "count 10", 10)});
  const Figures figures = over_http(
      server.port(), std::vector<std::string>(static_cast<size_t>(streams), chat("scripted", "count 1000000", tokens)));
  print("free model", figures);

  // Open streams that wait for their first token.
  test::ScriptedHost slow({.prefill_ms = 60'000});
  (void)slow.load("scripted", "here", {});
  RunningServer waiting(slow, "scripted", "here");
  const size_t before = resident_kilobytes();
  std::vector<int> fds;
  for (int i = 0; i < 1000; ++i) {
    fds.push_back(connect_to(waiting.port()));
    send_all(fds.back(), chat("scripted", "count 10", 10));
  }
  while (slow.engine("scripted").live() < 1000) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::printf("1000 open streams: %.1f kB each\n", static_cast<double>(resident_kilobytes() - before) / 1000);
  for (const int fd : fds) ::close(fd);
  while (slow.engine("scripted").open_streams() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return 0;
}

struct Overhead {
  std::string model;
  int streams = 16;
  int tokens = 64;
  int rounds = 3;
  std::string llama_server;
  std::string gguf;
};

// Shares of the tokens/s and milliseconds more to the first token, a pair a round.
class Comparison {
 public:
  void add(const Figures& ours, const Figures& theirs) {
    shares_.push_back(ours.rate() / theirs.rate());
    delays_.push_back(ours.first_token_ms - theirs.first_token_ms);
  }
  void print(const char* name) {
    std::ranges::sort(shares_);
    std::printf("%s, median of %zu rounds: %.4f of the tokens/s (quartiles %.4f, %.4f), %+.2f ms to the first token\n",
                name, shares_.size(), median(shares_), shares_[shares_.size() / 4], shares_[shares_.size() * 3 / 4],
                median(delays_));
  }

 private:
  std::vector<double> shares_;
  std::vector<double> delays_;
};

// Each round asks all, in turned order: what the machine does meanwhile falls on all alike.
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
    requests.push_back(chat("model", contents.back(), options.tokens));
  }
  Comparison with_engine;
  Comparison with_llama;
  for (int round = 0; round <= options.rounds; ++round) {
    Figures inside;
    Figures http;
    Figures peer;
    std::vector<std::function<void()>> turns = {[&] { inside = in_process(**engine, contents, options.tokens); },
                                                [&] { http = over_http(server.port(), requests); }};
    if (llama) turns.emplace_back([&] { peer = over_http(llama->port(), requests); });
    std::ranges::rotate(turns, turns.begin() + round % static_cast<int>(turns.size()));
    for (const auto& turn : turns) turn();
    if (round == 0) continue;  // warm-up
    print("in process", inside);
    print("http", http);
    with_engine.add(http, inside);
    if (!llama) continue;
    print("llama.cpp", peer);
    with_llama.add(http, peer);
  }
  with_engine.print("http / in process");
  if (llama) with_llama.print("http / llama.cpp's server");
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
  overhead->add_option("--rounds", options.rounds);
  overhead->add_option("--streams", options.streams);
  overhead->add_option("--tokens", options.tokens);
  overhead->add_option("--gguf", options.gguf);
  overhead->add_option("--llama-server", options.llama_server)->needs("--gguf");
  CLI11_PARSE(app, argc, argv);
  try {
    return free->parsed() ? run_streams(streams, tokens) : run_overhead(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
