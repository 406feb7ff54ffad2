// Many streamed chats at once over loopback, read by one thread: the client's side of a measurement.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace mlxserving::bench {

struct Figures {
  size_t tokens = 0;
  double seconds = 0;
  double first_token_ms = 0;  // median

  double rate() const { return static_cast<double>(tokens) / seconds; }
};

double median(std::vector<double> values);

// POST /v1/chat/completions, streamed, greedy, of exactly so many tokens; the connection closes after it.
std::string chat_request(const std::string& model, const std::string& content, int tokens);

// Throws where the server refuses or says nothing for ten seconds.
int connect_to(int port);
void send_all(int fd, const std::string& bytes);
Figures over_http(int port, const std::vector<std::string>& requests);

}  // namespace mlxserving::bench
