#include "llama_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>

namespace mlxserving::bench {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {}
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connect(int port) {
    const sockaddr_in address = loopback(port);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), 0);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // Appends what has come; false at the end.
  bool receive(std::string& to) {
    char buffer[16384];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got > 0) to.append(buffer, static_cast<size_t>(got));
    return got > 0;
  }

 private:
  int fd_;
};

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return ok ? ntohs(address.sin_port) : 0;
}

std::string http(const char* method, const char* path, const std::string& body) {
  return fmt::format(
      "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      method, path, body.size(), body);
}

}  // namespace

std::unique_ptr<LlamaServer> LlamaServer::start(const std::string& program, const std::string& gguf, int slots,
                                                int32_t slot_tokens, int threads) {
  const int port = free_port();
  const std::vector<std::string> words = {program,
                                          "--model",
                                          gguf,
                                          "--host",
                                          "127.0.0.1",
                                          "--port",
                                          fmt::format("{}", port),
                                          "--parallel",
                                          fmt::format("{}", slots),
                                          "--ctx-size",
                                          fmt::format("{}", slots * slot_tokens),
                                          "--threads",
                                          fmt::format("{}", threads),
                                          "--threads-batch",
                                          fmt::format("{}", threads),
                                          "--cont-batching",
                                          "--log-disable"};
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int null = ::open("/dev/null", O_WRONLY);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
    ::execv(program.c_str(), arguments.data());
    ::_exit(127);
  }
  std::unique_ptr<LlamaServer> server(new LlamaServer(pid, port));
  if (server->wait_until_ready()) return server;
  fmt::print(stderr, "bench/serve: {} did not come up with {}\n", program, gguf);
  return nullptr;
}

LlamaServer::~LlamaServer() {
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

bool LlamaServer::wait_until_ready() const {
  for (int i = 0; i < 600; ++i) {
    Socket socket;
    std::string answer;
    if (socket.connect(port_) && socket.send(http("GET", "/health", ""))) {
      while (socket.receive(answer)) continue;
      if (answer.starts_with("HTTP/1.1 200")) return true;
    }
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

namespace {

// Ids in an event's "tokens": none, or several where a character ends with the last.
int tokens_in(std::string_view event) {
  const size_t begin = event.find("\"tokens\":[");
  if (begin == std::string_view::npos) return 0;
  const std::string_view ids = event.substr(begin + 10, event.find(']', begin) - begin - 10);
  return ids.empty() ? 0 : static_cast<int>(std::ranges::count(ids, ',')) + 1;
}

}  // namespace

std::string LlamaServer::ask(const std::vector<int32_t>& prompt, const Work& work, int32_t new_tokens,
                             const OnTokens& on_tokens) const {
  const std::string body =
      fmt::format(R"({{"prompt":[{}],"n_predict":{},"temperature":{},"top_k":0,"top_p":{},"min_p":0,"ignore_eos":true,)"
                  R"("cache_prompt":false,"stream":true,"return_tokens":true}})",
                  fmt::join(prompt, ","), new_tokens, work.temperature, work.temperature == 0 ? 1.0 : 0.95);
  Socket socket;
  if (!socket.connect(port_) || !socket.send(http("POST", "/completion", body))) return "llama-server: no connection";
  std::string bytes;
  size_t seen = 0;
  int tokens = 0;
  while (socket.receive(bytes)) {
    int arrived = 0;
    for (size_t at = bytes.find("data: ", seen); at != std::string::npos; at = bytes.find("data: ", seen)) {
      const size_t end = bytes.find("\n\n", at);
      if (end == std::string::npos) break;
      seen = end;
      arrived += tokens_in(std::string_view(bytes).substr(at, end - at));
    }
    tokens += arrived;
    if (arrived > 0 && !on_tokens(arrived)) return "";
  }
  return tokens == 0 ? "llama-server: " + bytes.substr(0, 300) : "";
}

}  // namespace mlxserving::bench
