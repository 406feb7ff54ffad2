#include "http_streams.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "core/json.h"

namespace mlxserving::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSilenceMsMax = 10'000;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

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
    if (::poll(polled.data(), polled.size(), kSilenceMsMax) == 0) {
      throw std::runtime_error(fmt::format("{} of {} streams said nothing for {} ms", open, fds.size(), kSilenceMsMax));
    }
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

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[values.size() / 2];
}

std::string chat_request(const std::string& model, const std::string& content, int tokens) {
  const Json body = {{"model", model},   {"messages", Json::array({{{"role", "user"}, {"content", content}}})},
                     {"stream", true},   {"max_tokens", tokens},
                     {"temperature", 0}, {"ignore_eos", true}};
  const std::string text = to_text(body);
  return fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
      "connection: close\r\ncontent-length: {}\r\n\r\n{}",
      text.size(), text);
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error(fmt::format("nobody listens on port {}", port));
  return fd;
}

void send_all(int fd, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(fd, bytes.data() + sent, bytes.size() - sent, 0);
    if (count <= 0) throw std::runtime_error("the server closed the connection");
    sent += static_cast<size_t>(count);
  }
}

Figures over_http(int port, const std::vector<std::string>& requests) {
  std::vector<int> fds;
  for (size_t i = 0; i < requests.size(); ++i) fds.push_back(connect_to(port));
  const auto begin = Clock::now();
  for (size_t i = 0; i < requests.size(); ++i) send_all(fds[i], requests[i]);
  return read_streams(std::move(fds), begin);
}

}  // namespace mlxserving::bench
