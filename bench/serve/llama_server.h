// llama.cpp's server as a peer: started on loopback, asked over HTTP, stopped.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "load.h"

namespace mlxserving::bench {

class LlamaServer {
 public:
  // Starts `program` on a GGUF file with as many slots as there are clients, and waits until it is ready. Null, with
  // the reason on stderr, when it does not come up.
  static std::unique_ptr<LlamaServer> start(const std::string& program, const std::string& gguf, int slots,
                                            int32_t slot_tokens, int threads);
  ~LlamaServer();
  LlamaServer(const LlamaServer&) = delete;
  LlamaServer& operator=(const LlamaServer&) = delete;

  // One streamed completion on a connection of its own, as Ask.
  std::string ask(const std::vector<int32_t>& prompt, const Work& work, int32_t new_tokens,
                  const OnTokens& on_tokens) const;

  pid_t pid() const { return pid_; }
  int port() const { return port_; }

 private:
  LlamaServer(pid_t pid, int port) : pid_(pid), port_(port) {}
  bool wait_until_ready() const;

  pid_t pid_;
  int port_;
};

}  // namespace mlxserving::bench
