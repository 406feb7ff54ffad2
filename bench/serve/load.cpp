#include "load.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <latch>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "kernels/machine_limits.h"

namespace mlxserving::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Of fork and join: about 100 ns within one complex of an AMD, 300 and more across.
constexpr double kNearSeconds = 200e-9;

std::vector<int32_t> random_prompt(std::mt19937& random, const Work& work) {
  std::uniform_int_distribution<int32_t> token(work.vocabulary_size / 8, work.vocabulary_size / 2);
  std::vector<int32_t> ids(static_cast<size_t>(work.prompt_tokens));
  for (int32_t& id : ids) id = token(random);
  return ids;
}

void quantiles(std::vector<double>& values, double (&out)[3]) {
  if (values.empty()) return;
  std::ranges::sort(values);
  const double last = static_cast<double>(values.size()) - 1;
  const double shares[3] = {0.5, 0.95, 0.99};
  for (int i = 0; i < 3; ++i) out[i] = values[static_cast<size_t>(shares[i] * last + 0.5)];
}

// Seconds of processor time that all processes have had, and one; Linux only, otherwise 0.
double busy_seconds() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0;
  double nice = 0;
  double system = 0;
  stat >> cpu >> user >> nice >> system;
  return (user + nice + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double busy_seconds(pid_t process) {
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Token {
  Clock::time_point at;
  double ms = 0;  // since the one before, or since the request was sent
  bool is_first = false;
};

struct Client {
  std::vector<Token> tokens = {};
  std::string error = {};
};

class Load {
 public:
  Load(const Ask& ask, const Work& work, int clients)
      : ask_(ask), work_(work), clients_(static_cast<size_t>(clients)), running_(clients) {}

  // Begin and end of what counts.
  std::pair<Clock::time_point, Clock::time_point> run(double seconds) {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < clients_.size(); ++i) threads.emplace_back([this, i] { run_client(i); });
    running_.wait();
    const auto begin = Clock::now();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    is_over_ = true;
    return {begin, Clock::now()};
  }
  const std::vector<Client>& clients() const { return clients_; }

 private:
  void run_client(size_t index) {
    std::mt19937 random(static_cast<uint32_t>(index) + 1);
    Client& client = clients_[index];
    auto new_tokens = 1 + static_cast<int32_t>(index) * work_.new_tokens / static_cast<int32_t>(clients_.size());
    while (!is_over_ && client.error.empty()) {
      client.error = ask_one(random_prompt(random, work_), new_tokens, client);
      new_tokens = work_.new_tokens;
    }
    if (client.tokens.empty()) running_.count_down();
  }

  std::string ask_one(const std::vector<int32_t>& prompt, int32_t new_tokens, Client& client) {
    auto last = Clock::now();
    bool is_first = true;
    return ask_(prompt, new_tokens, [&](int count) {
      if (client.tokens.empty()) running_.count_down();
      const auto now = Clock::now();
      const double ms = std::chrono::duration<double, std::milli>(now - last).count();
      for (int i = 0; i < count; ++i) {
        client.tokens.push_back({now, i == 0 ? ms : 0, std::exchange(is_first, false)});
      }
      last = now;
      return !is_over_;
    });
  }

  const Ask& ask_;
  const Work& work_;
  std::vector<Client> clients_;
  std::latch running_;
  std::atomic<bool> is_over_ = false;
};

}  // namespace

double others_busy_seconds(pid_t peer) {
  return busy_seconds() - busy_seconds(::getpid()) - (peer == 0 ? 0 : busy_seconds(peer));
}

Cell run_cell(const Ask& ask, const Work& work, int clients, double seconds, pid_t peer) {
  const bool was_near = kernels::fork_join_seconds() < kNearSeconds;
  Load load(ask, work, clients);
  const double busy_before = others_busy_seconds(peer);
  const auto busy_begin = Clock::now();
  const auto [begin, end] = load.run(seconds);
  const double busy_for = std::chrono::duration<double>(Clock::now() - busy_begin).count();
  const double others = (others_busy_seconds(peer) - busy_before) / busy_for / std::thread::hardware_concurrency();
  const bool is_near = kernels::fork_join_seconds() < kNearSeconds;

  Cell cell{.clients = clients, .cores = was_near != is_near ? "moved" : is_near ? "near" : "far"};
  cell.seconds = std::chrono::duration<double>(end - begin).count();
  cell.others_share = std::max(0.0, others);
  std::vector<double> first_ms;
  std::vector<double> gaps_ms;
  for (const Client& client : load.clients()) {
    if (cell.error.empty()) cell.error = client.error;
    for (const Token& token : client.tokens) {
      if (token.at >= begin && token.at < end) (token.is_first ? first_ms : gaps_ms).push_back(token.ms);
    }
  }
  cell.answers = static_cast<int>(first_ms.size());
  cell.tokens_per_second = static_cast<double>(first_ms.size() + gaps_ms.size()) / cell.seconds;
  quantiles(first_ms, cell.first_token_ms);
  quantiles(gaps_ms, cell.inter_token_ms);
  return cell;
}

}  // namespace mlxserving::bench
