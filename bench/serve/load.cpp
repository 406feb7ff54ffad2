#include "load.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>

namespace mlxserving::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

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

struct Tally {
  std::mutex mutex;
  std::vector<double> first_ms;
  std::vector<double> gaps_ms;
  int64_t tokens = 0;
  int answers = 0;
  std::string error;

  // Tokens that came within the time; `end_s` is when the answer ended.
  void add(const Sample& sample, double end_s, double limit_s) {
    const std::lock_guard lock(mutex);
    if (!sample.error.empty()) {
      if (error.empty()) error = sample.error;
      return;
    }
    ++answers;
    first_ms.push_back(sample.first_token_ms);
    gaps_ms.insert(gaps_ms.end(), sample.gaps_ms.begin(), sample.gaps_ms.end());
    tokens += sample.tokens;
    for (size_t i = sample.gaps_ms.size(); i > 0 && end_s > limit_s; --i) {
      --tokens;
      end_s -= sample.gaps_ms[i - 1] / 1000;
    }
  }
};

}  // namespace

Cell run_cell(const Ask& ask, const Work& work, int clients, double seconds) {
  Tally tally;
  const auto begin = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937 random(static_cast<uint32_t>(i) + 1);
        do {
          const Sample sample = ask(random_prompt(random, work), work);
          tally.add(sample, seconds_since(begin), seconds);
          if (!sample.error.empty()) return;
        } while (seconds_since(begin) < seconds);
      });
    }
  }
  // A cell in which the first answers took longer than its time lasted as long as they did.
  const bool ran_over = tally.answers <= clients;
  Cell cell{.clients = clients, .answers = tally.answers, .seconds = ran_over ? seconds_since(begin) : seconds};
  if (ran_over) {
    tally.tokens = int64_t{tally.answers} * work.new_tokens;
  }
  cell.tokens_per_second = static_cast<double>(tally.tokens) / cell.seconds;
  quantiles(tally.first_ms, cell.first_token_ms);
  quantiles(tally.gaps_ms, cell.inter_token_ms);
  cell.error = tally.error;
  return cell;
}

}  // namespace mlxserving::bench
