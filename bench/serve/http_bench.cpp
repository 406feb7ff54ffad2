// What the HTTP server costs, on loopback in one process.
//   http_bench streams [--streams N] [--tokens N]     a model that costs nothing: tokens a second, memory a stream
//   http_bench overhead MODEL [--streams N] [--tokens N] [--rounds N]
//                                                      a real model in process and over HTTP, by turns
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
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "../../tests/api/scripted_host.h"
#include "api/http_api.h"
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

int run_overhead(const std::string& directory, int streams, int tokens, int rounds) {
  const auto host = Host::create({});
  const auto engine = host->load("model", directory, {});
  if (!engine) throw std::runtime_error(engine.error().message);
  RunningServer server(*host, "model", directory);
  std::vector<std::string> contents;
  std::vector<std::string> requests;
  for (int i = 0; i < streams; ++i) {
    contents.push_back(fmt::format("Tell a story about the number {}.", i));
    requests.push_back(chat("model", contents.back(), tokens));
  }
  // Each round asks both, the one that begins by turns: what the machine does meanwhile falls on both alike.
  std::vector<double> shares;
  std::vector<double> delays;
  for (int round = 0; round <= rounds; ++round) {
    Figures inside;
    Figures http;
    const auto ask_inside = [&] { inside = in_process(**engine, contents, tokens); };
    const auto ask_http = [&] { http = over_http(server.port(), requests); };
    if (round % 2 == 0) ask_inside();
    ask_http();
    if (round % 2 == 1) ask_inside();
    if (round == 0) continue;  // warm-up
    print("in process", inside);
    print("http", http);
    shares.push_back(http.rate() / inside.rate());
    delays.push_back(http.first_token_ms - inside.first_token_ms);
  }
  std::ranges::sort(shares);
  std::printf(
      "http / in process, median of %d rounds: %.4f of the tokens/s (quartiles %.4f, %.4f), %+.2f ms to the first "
      "token\n",
      rounds, median(shares), shares[shares.size() / 4], shares[shares.size() * 3 / 4], median(delays));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the HTTP server costs"};
  app.require_subcommand(1);
  int streams = 16;
  int tokens = 0;
  int rounds = 3;
  std::string model;
  CLI::App* free = app.add_subcommand("streams");
  CLI::App* overhead = app.add_subcommand("overhead");
  overhead->add_option("model", model)->required();
  overhead->add_option("--rounds", rounds);
  for (CLI::App* command : {free, overhead}) {
    command->add_option("--streams", streams);
    command->add_option("--tokens", tokens);
  }
  CLI11_PARSE(app, argc, argv);
  try {
    if (free->parsed()) return run_streams(streams, tokens == 0 ? 20'000 : tokens);
    return run_overhead(model, streams, tokens == 0 ? 64 : tokens, rounds);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
