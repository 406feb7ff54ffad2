// Judges the grammar library on a file of JSON Schemas with tests (one JSON object a line: id, schema, tests of v and
// s): is every valid text accepted to its end and every invalid one refused, and what do compiling and masking cost.
// One worker process does the work, so that a crash or a hang costs one schema.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "core/json.h"
#include "core/result.h"
#include "grammar/compile.h"
#include "text/tokenizer.h"

namespace {

using namespace mlxserving;
using Clock = std::chrono::steady_clock;

struct Progress {
  std::atomic<size_t> line;
  std::atomic<int64_t> started_ms;
  std::atomic<bool> done;
};

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

// The processor's time, so that what else the machine does is not counted.
double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

struct Violations {
  int mask_ne_accept = 0, dead_end = 0, reseg = 0, rollback = 0, fork = 0;
};

struct Bench {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  grammar::CompileOptions options;
  std::shared_ptr<const grammar::Vocabulary> vocabulary;
  std::vector<std::string> lines;
  grammar::TokenBits text_tokens, closers;  // short tokens in which something may end
  bool checks = true;
  int walks = 0;

  std::vector<grammar::TokenId> tokens_of(std::string_view text) const {
    const auto encoding = tokenizer->encode(text, {.add_special_tokens = false, .parse_special = false});
    return encoding ? encoding->ids : std::vector<grammar::TokenId>();
  }

  // Whether the text is accepted to its end and may end there.
  bool run(const std::shared_ptr<grammar::Grammar>& compiled, const std::vector<grammar::TokenId>& tokens,
           std::vector<double>& mask_us, Violations& violations) const {
    grammar::Matcher matcher(compiled);
    std::vector<uint64_t> mask(vocabulary->mask_words());
    bool is_refused = false;
    for (const grammar::TokenId token : tokens) {
      const double start = cpu_us();
      matcher.fill_mask(mask);
      const bool bit = (mask[token >> 6] >> (token & 63)) & 1;
      const bool accepted = matcher.accept(token);
      mask_us.push_back(cpu_us() - start);
      violations.mask_ne_accept += bit != accepted ? 1 : 0;
      if (std::ranges::all_of(mask, [](uint64_t word) { return word == 0; })) ++violations.dead_end;
      if (!accepted) {
        is_refused = true;
        break;
      }
    }
    if (is_refused || !matcher.is_complete() || !matcher.status()) return false;
    matcher.fill_mask(mask);
    const grammar::TokenId end = vocabulary->end_tokens().front();
    return (mask[end >> 6] >> (end & 63)) & 1;
  }

  // The same text cut otherwise, taken back and forked must come to the same end.
  void check(const std::shared_ptr<grammar::Grammar>& compiled, const std::vector<grammar::TokenId>& tokens,
             bool expected, Violations& violations, uint32_t seed) const {
    std::mt19937 random(seed);
    std::vector<grammar::TokenId> pieces;
    for (const grammar::TokenId token : tokens) {
      std::string_view bytes = vocabulary->bytes(token);
      while (!bytes.empty()) {
        const size_t size = 1 + random() % bytes.size();
        grammar::TokenId piece = token;
        std::string_view cut = bytes.substr(0, size);
        if (!vocabulary->longest_token(cut, piece)) break;
        pieces.push_back(piece);
        bytes.remove_prefix(vocabulary->bytes(piece).size());
      }
    }
    std::vector<double> ignored;
    const bool reseg = run(compiled, pieces, ignored, violations);
    violations.reseg += reseg != expected ? 1 : 0;

    grammar::Matcher matcher(compiled);
    std::vector<uint64_t> mask(vocabulary->mask_words()), again(mask.size());
    bool accepted = true;
    for (size_t i = 0; i < tokens.size() && accepted; ++i) {
      grammar::Matcher fork = matcher;
      accepted = matcher.accept(tokens[i]);
      if (fork.accept(tokens[i]) != accepted || fork.is_complete() != matcher.is_complete()) ++violations.fork;
      if (!accepted || i % 7 != 6) continue;
      matcher.fill_mask(mask);
      const size_t back = 1 + random() % 7;
      if (!matcher.rollback(back)) ++violations.rollback;
      for (size_t k = i + 1 - back; k <= i; ++k) {
        if (!matcher.accept(tokens[k])) ++violations.rollback;
      }
      matcher.fill_mask(again);
      if (mask != again) ++violations.rollback;
    }
    if ((accepted && matcher.is_complete()) != expected) ++violations.rollback;
  }

  // One of the tokens that are in both sets, or nothing where none is.
  static std::optional<grammar::TokenId> draw(const grammar::TokenBits& mask, const grammar::TokenBits& kind,
                                              std::mt19937& random) {
    size_t count = 0;
    for (size_t i = 0; i < mask.size(); ++i) count += static_cast<size_t>(std::popcount(mask[i] & kind[i]));
    if (count == 0) return std::nullopt;
    size_t left = random() % count;
    for (size_t i = 0;; ++i) {
      uint64_t bits = mask[i] & kind[i];
      const auto here = static_cast<size_t>(std::popcount(bits));
      if (left >= here) {
        left -= here;
        continue;
      }
      for (; left > 0; --left) bits &= bits - 1;
      return static_cast<grammar::TokenId>(i * 64 + static_cast<size_t>(std::countr_zero(bits)));
    }
  }

  // One text that the masks lead to, or nothing where it grew too long. After `tokens_wanted` tokens it hurries to
  // close.
  std::optional<std::string> walk(const std::shared_ptr<grammar::Grammar>& compiled, std::mt19937& random,
                                  size_t tokens_wanted, Violations& violations) const {
    grammar::Matcher matcher(compiled);
    std::vector<uint64_t> mask(vocabulary->mask_words());
    std::string text;
    for (size_t step = 0; step < 400; ++step) {
      if (matcher.is_complete() && (matcher.must_end() || step >= tokens_wanted || random() % 4 == 0)) return text;
      matcher.fill_mask(mask);
      auto token = draw(mask, text_tokens, random);
      if (!token) {
        ++violations.dead_end;
        return std::nullopt;
      }
      // Closers are few among many tokens: draw them more often, and always when it is time.
      if (step >= tokens_wanted || random() % 3 == 0) {
        if (const auto closer = draw(mask, closers, random)) token = closer;
      }
      if (!matcher.accept(*token)) {
        ++violations.mask_ne_accept;
        return std::nullopt;
      }
      text += vocabulary->bytes(*token);
    }
    return std::nullopt;
  }

  std::string judge(size_t index) const {
    const auto input = parse_json(lines[index], "data");
    if (!input) return fmt::format("{{\"id\":\"line {}\",\"outcome\":\"declined\",\"reason\":\"bad line\"}}", index);
    const double start = cpu_us();
    auto compiled = grammar::compile_json_schema((*input)["schema"].get_ref<const std::string&>(), vocabulary, options);
    if (compiled) {
      std::vector<uint64_t> mask(vocabulary->mask_words());
      grammar::Matcher(*compiled).fill_mask(mask);
    }
    Json line{{"id", (*input)["id"]},
              {"outcome", compiled ? "ok" : "declined"},
              {"reason", compiled ? "" : compiled.error().message},
              {"compile_us", cpu_us() - start}};
    line["tests"] = Json::array();
    line["mask_us"] = Json::array();
    Violations violations;
    if (compiled) {
      uint32_t seed = 1;
      for (const Json& test : (*input)["tests"]) {
        const auto tokens = tokens_of(test["s"].get_ref<const std::string&>());
        std::vector<double> mask_us;
        const bool accepted = run(*compiled, tokens, mask_us, violations);
        line["tests"].push_back(accepted);
        for (const double us : mask_us) line["mask_us"].push_back(std::round(us * 100) / 100);
        if (checks) check(*compiled, tokens, accepted, violations, seed++);
      }
      std::mt19937 random(static_cast<uint32_t>(index));
      for (int i = 0; i < walks; ++i) {
        const auto text = walk(*compiled, random, 10 + random() % 40, violations);
        if (text) line["walks"].push_back(*text);
      }
      if (walks > 0) line["schema"] = (*input)["schema"];
    }
    line["violations"] = {{"mask_ne_accept", violations.mask_ne_accept},
                          {"dead_end", violations.dead_end},
                          {"reseg", violations.reseg},
                          {"rollback", violations.rollback},
                          {"fork", violations.fork}};
    return to_text(line);
  }
};

// Runs lines from `from` on; ends the process.
[[noreturn]] void work(const Bench& bench, size_t from, size_t stride, const std::string& out_path,
                       Progress& progress) {
  std::ofstream out(out_path, std::ios::app);
  for (size_t i = from; i < bench.lines.size(); i += stride) {
    progress.line = i;
    progress.started_ms = now_ms();
    out << bench.judge(i) << "\n" << std::flush;
  }
  progress.done = true;
  out.close();
  _exit(0);
}

void run_all(const Bench& bench, size_t stride, const std::string& out_path, int64_t timeout_ms) {
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& progress = *new (shared) Progress{};
  std::ofstream(out_path, std::ios::trunc);
  for (size_t from = 0; from < bench.lines.size() && !progress.done;) {
    progress.started_ms = now_ms();
    const pid_t worker = fork();
    if (worker == 0) work(bench, from, stride, out_path, progress);
    const char* outcome = "crash";
    int status = 0;
    while (waitpid(worker, &status, WNOHANG) == 0) {
      if (now_ms() - progress.started_ms > timeout_ms) {
        outcome = "timeout";
        kill(worker, SIGKILL);
        waitpid(worker, &status, 0);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (progress.done) break;
    const size_t line = progress.line;
    const auto input = parse_json(bench.lines[line], "data");
    const Json record{{"id", input ? (*input)["id"] : Json(line)},
                      {"outcome", outcome},
                      {"reason", outcome},
                      {"compile_us", 0},
                      {"tests", Json::array()},
                      {"mask_us", Json::array()}};
    std::ofstream(out_path, std::ios::app) << to_text(record) << "\n";
    from = line + stride;
  }
  munmap(shared, sizeof(Progress));
}

double at_share(std::vector<double>& sorted, double share) {
  return sorted.empty()
             ? 0
             : sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

std::string spread(std::vector<double> us) {
  std::ranges::sort(us);
  double sum = 0;
  for (const double value : us) sum += value;
  return fmt::format("avg {:.1f}  p50 {:.1f}  p90 {:.1f}  p99 {:.1f}  p99.9 {:.1f}  max {:.0f} us (n={})",
                     us.empty() ? 0 : sum / static_cast<double>(us.size()), at_share(us, 0.5), at_share(us, 0.9),
                     at_share(us, 0.99), at_share(us, 0.999), us.empty() ? 0 : us.back(), us.size());
}

void summarise(const Bench& bench, const std::string& out_path, bool is_verbose) {
  std::map<std::string, Json> expected;
  for (const std::string& line : bench.lines) {
    const auto input = parse_json(line, "data");
    if (input) expected[(*input)["id"].get<std::string>()] = (*input)["tests"];
  }
  size_t schemas = 0, right = 0, invalid_accepted = 0, valid_refused = 0;
  std::map<std::string, size_t> outcomes, reasons;
  std::map<std::string, int> violations;
  std::vector<double> compile_us, mask_us;
  std::ifstream in(out_path);
  for (std::string line; std::getline(in, line);) {
    const auto record = parse_json(line, "results");
    if (!record) continue;
    ++schemas;
    const Json& r = *record;
    const std::string outcome = r["outcome"].get<std::string>(), id = r["id"].get<std::string>();
    ++outcomes[outcome];
    if (outcome != "ok") {
      std::string reason = r["reason"].get<std::string>();
      if (is_verbose) fmt::print("{} {}: {}\n", outcome, id, reason.substr(0, 300));
      if (outcome == "declined")
        ++reasons[reason.substr(reason.find(": ") == std::string::npos ? 0 : reason.find(": ") + 2).substr(0, 60)];
      continue;
    }
    compile_us.push_back(r["compile_us"].get<double>());
    for (const Json& us : r["mask_us"]) mask_us.push_back(us.get<double>());
    for (const auto& [name, count] : r["violations"].items()) {
      violations[name] += count.get<int>();
      if (is_verbose && count.get<int>() > 0) fmt::print("violation {} {} {}\n", name, count.get<int>(), id);
    }
    bool refused = false, accepted = false;
    const Json& tests = expected[id];
    for (size_t i = 0; i < tests.size(); ++i) {
      const bool valid = tests[i]["v"].get<bool>(), got = r["tests"][i].get<bool>();
      refused = refused || (valid && !got);
      accepted = accepted || (!valid && got);
      if (is_verbose && valid != got)
        fmt::print("{} {} #{}: {}\n", valid ? "REFUSED" : "ACCEPTED", id, i,
                   tests[i]["s"].get<std::string>().substr(0, 300));
    }
    invalid_accepted += accepted ? 1 : 0;
    valid_refused += refused ? 1 : 0;
    right += !refused && !accepted ? 1 : 0;
  }
  const auto percent = [&](size_t count) {
    return 100.0 * static_cast<double>(count) / static_cast<double>(std::max<size_t>(schemas, 1));
  };
  fmt::print("schemas               {}\n", schemas);
  for (const auto& [outcome, count] : outcomes) fmt::print("  {:<20}{} ({:.2f} %)\n", outcome, count, percent(count));
  fmt::print("all tests right       {} ({:.2f} %)\n", right, percent(right));
  fmt::print("invalid accepted      {} schemas\n", invalid_accepted);
  fmt::print("valid refused         {} schemas ({:.2f} %)\n", valid_refused, percent(valid_refused));
  fmt::print("compile to first mask {}\n", spread(compile_us));
  fmt::print("mask + accept         {}\n", spread(mask_us));
  for (const auto& [name, count] : violations) fmt::print("violation {:<12}{}\n", name, count);
  std::vector<std::pair<size_t, std::string>> sorted;
  for (const auto& [reason, count] : reasons) sorted.emplace_back(count, reason);
  std::ranges::sort(sorted, std::greater());
  for (const auto& [count, reason] : sorted) fmt::print("declined {:>4}  {}\n", count, reason);
}

Result<void> load(Bench& bench, const std::string& path) {
  MLXS_TRY(bench.tokenizer, text::Tokenizer::load(path));
  grammar::Vocabulary::Options options;
  std::vector<std::string> tokens;
  for (text::TokenId id = 0; id < bench.tokenizer->vocabulary_size(); ++id) {
    tokens.emplace_back(bench.tokenizer->token_bytes(id));
    if (bench.tokenizer->is_special(id)) options.special_tokens.push_back(id);
  }
  for (const char* end : {"<|eot_id|>", "<|end_of_text|>", "<eos>", "<end_of_turn>", "<|im_end|>", "<|endoftext|>",
                          "</s>", "<|return|>"}) {
    if (const auto id = bench.tokenizer->token_to_id(end)) options.end_tokens.push_back(*id);
  }
  if (options.end_tokens.empty())
    return fail(ErrorCode::invalid_request, path, "{} names no end token that is known here", path);
  MLXS_TRY(bench.vocabulary, grammar::Vocabulary::create(tokens, options));
  bench.text_tokens.resize(bench.vocabulary->mask_words());
  bench.closers.resize(bench.vocabulary->mask_words());
  for (grammar::TokenId id = 0; id < tokens.size(); ++id) {
    if (!bench.vocabulary->is_text(id)) continue;
    const uint64_t bit = uint64_t{1} << (id & 63);
    bench.text_tokens[id >> 6] |= bit;
    if (tokens[id].size() <= 3 && tokens[id].find_first_of("]}\":,") != std::string::npos)
      bench.closers[id >> 6] |= bit;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::string data, tokenizer, out = "grammar-results.jsonl", only, order = "any";
  size_t stride = 1;
  int64_t timeout_ms = 10'000;
  bool is_verbose = false;
  Bench bench;
  CLI::App app("Judge structured output on schemas with tests");
  app.add_option("--data", data, "schemas with tests, one JSON object a line")->required()->check(CLI::ExistingFile);
  app.add_option("--tokenizer", tokenizer, "a tokenizer.json")->required()->check(CLI::ExistingFile);
  app.add_option("--out", out, "results, one JSON object a line");
  app.add_option("--stride", stride, "take every n-th schema")->check(CLI::PositiveNumber);
  app.add_option("--only", only, "only schemas whose line contains this text");
  app.add_option("--timeout-ms", timeout_ms, "for one schema with its tests");
  app.add_option("--order", order,
                 "of keys: any, as validity has it, or declared, as generation has it unless asked otherwise")
      ->check(CLI::IsMember({"any", "declared"}));
  app.add_flag("--verbose", is_verbose, "name each schema that is not right");
  app.add_flag("--checks,!--no-checks", bench.checks, "cut, take back and fork every test too (not timed)");
  app.add_option("--walks", bench.walks,
                 "texts to draw from the masks of each schema, for tests/grammar/validate_walks.py");
  CLI11_PARSE(app, argc, argv);

  if (const auto loaded = load(bench, tokenizer); !loaded) {
    fmt::print(stderr, "{}\n", loaded.error().message);
    return 1;
  }
  bench.options.layout.order = order == "any" ? grammar::JsonLayout::Order::any : grammar::JsonLayout::Order::declared;
  std::ifstream in(data);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && (only.empty() || line.find(only) != std::string::npos)) bench.lines.push_back(std::move(line));
  }
  run_all(bench, stride, out, timeout_ms);
  summarise(bench, out, is_verbose);
  return 0;
}
