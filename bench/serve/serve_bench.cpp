// The engine under closed-loop load, in this process: total tokens/s, time to the first token, time between tokens,
// what scheduling and sampling cost, what a waiting request weighs. With --llama-server, llama.cpp's server does the
// same work beside it, cell by cell.
//   serve_bench MODEL [--gguf MODEL.gguf --llama-server PROGRAM] [--clients 1,4,16,64] [--quick] [--json]
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "core/json.h"
#include "llama_server.h"
#include "load.h"
#include "mlxserving/engine.h"

namespace mlxserving::bench {
namespace {

struct Settings {
  std::string model;
  std::string gguf;
  std::string llama_server;
  std::vector<int> clients = {1, 4, 16, 64};
  Work work;
  double seconds = 10;
  std::string numerics = "default";
  int threads = 0;
  int queued = 1000;
  bool quick = false;
  bool json = false;
};

struct Row {
  std::string who;
  Cell cell;
  double host_share = 0;     // of the steps' time, outside of the model; ours only
  double rows_per_step = 0;  // mean; ours only
};

std::string ask_engine(Engine& engine, const std::vector<int32_t>& prompt, const Work& work, int32_t new_tokens,
                       const OnTokens& on_tokens) {
  GenerateRequest request{.prompt = TokenPrompt{prompt}};
  request.sampling.temperature = work.temperature;
  request.sampling.top_p = work.temperature == 0 ? 1 : 0.95;
  request.sampling.max_tokens = new_tokens;
  request.sampling.ignore_eos = true;
  const auto stream = engine.submit(std::move(request));
  if (!stream) return stream.error().message;
  while (auto event = (*stream)->next()) {
    if (const auto* failed = std::get_if<Failed>(&*event)) return failed->error.message;
    if (std::holds_alternative<TextDelta>(*event) && !on_tokens(1)) return "";  // leaving cancels
  }
  return "";
}

Row measure_engine(Engine& engine, const Settings& settings, int clients) {
  const Metrics before = engine.metrics();
  Row row{.who = "mlx-serving", .cell = {}};
  const Ask ask = [&](const auto& prompt, int32_t new_tokens, const OnTokens& on_tokens) {
    return ask_engine(engine, prompt, settings.work, new_tokens, on_tokens);
  };
  row.cell = run_cell(ask, settings.work, clients, settings.seconds, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the last step is published after its last event
  const Metrics after = engine.metrics();
  const double steps = static_cast<double>(after.steps - before.steps);
  row.host_share = (after.host_ms.sum - before.host_ms.sum) / (after.step_ms.sum - before.step_ms.sum);
  row.rows_per_step = (after.batch_rows.sum - before.batch_rows.sum) / steps;
  return row;
}

std::optional<Row> measure_llama(const Settings& settings, int clients, int threads) {
  const int32_t slot_tokens = settings.work.prompt_tokens + settings.work.new_tokens + 32;
  const auto server = LlamaServer::start(settings.llama_server, settings.gguf, clients, slot_tokens, threads);
  if (!server) return std::nullopt;
  const Ask ask = [&](const auto& prompt, int32_t new_tokens, const OnTokens& on_tokens) {
    return server->ask(prompt, settings.work, new_tokens, on_tokens);
  };
  ask({1, 2, 3}, 2, [](int) { return true; });  // warm
  Row row{.who = "llama-server", .cell = {}};
  row.cell = run_cell(ask, settings.work, clients, settings.seconds, server->pid());
  return row;
}

// Heap bytes in use; 0 where the C library does not tell.
int64_t heap_bytes() {
#ifdef __GLIBC__
  const auto info = ::mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
#else
  return 0;
#endif
}

// Bytes that each of `count` requests costs while it waits, besides its prompt.
double queued_bytes(Engine& engine, int count) {
  std::vector<std::unique_ptr<Stream>> streams;
  GenerateRequest request{.prompt = TokenPrompt{std::vector<int32_t>(64, 100)}};
  request.sampling.max_tokens = 512;
  request.sampling.ignore_eos = true;
  request.sampling.temperature = 0.7;
  const auto submit = [&] {
    auto stream = engine.submit(request);
    if (stream) streams.push_back(std::move(*stream));
    return stream.ok();
  };
  while (engine.metrics().queue_depth < 8 && submit()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const int64_t before = heap_bytes();
  int queued = 0;
  while (queued < count && submit()) ++queued;
  const int64_t after = heap_bytes();
  for (const auto& stream : streams) stream->cancel();
  return queued == 0 ? 0 : static_cast<double>(after - before) / queued - 64 * sizeof(int32_t);
}

Json to_json(const Row& row) {
  const Cell& cell = row.cell;
  Json json = {{"server", row.who},
               {"clients", cell.clients},
               {"answers", cell.answers},
               {"seconds", cell.seconds},
               {"tokens_per_second", cell.tokens_per_second},
               {"first_token_ms",
                {{"p50", cell.first_token_ms[0]}, {"p95", cell.first_token_ms[1]}, {"p99", cell.first_token_ms[2]}}},
               {"inter_token_ms",
                {{"p50", cell.inter_token_ms[0]}, {"p95", cell.inter_token_ms[1]}, {"p99", cell.inter_token_ms[2]}}},
               {"cores", cell.cores},
               {"others_share", cell.others_share}};
  if (!cell.error.empty()) json["error"] = cell.error;
  if (row.rows_per_step > 0) {
    json["rows_per_step"] = row.rows_per_step;
    json["host_share_of_step"] = row.host_share;
  }
  return json;
}

void print(const Row& row, double one_client) {
  const Cell& cell = row.cell;
  fmt::print("{:<13} {:>7} {:>9.1f} {:>6.2f}x  {:>8.1f} {:>8.1f} {:>8.1f}  {:>8.1f} {:>8.1f} {:>8.1f}", row.who,
             cell.clients, cell.tokens_per_second, one_client > 0 ? cell.tokens_per_second / one_client : 1.0,
             cell.first_token_ms[0], cell.first_token_ms[1], cell.first_token_ms[2], cell.inter_token_ms[0],
             cell.inter_token_ms[1], cell.inter_token_ms[2]);
  fmt::print("  {:>6} {:>5.1f}%", cell.cores, 100 * cell.others_share);
  if (row.rows_per_step > 0) fmt::print("  {:>6.1f} {:>6.2f}%", row.rows_per_step, 100 * row.host_share);
  fmt::print("{}{}\n", cell.error.empty() ? "" : "  error: ", cell.error);
  std::fflush(stdout);
}

int run(Settings& settings) {
  if (settings.quick) settings.seconds = 3;
  EngineOptions options;
  options.threads = settings.threads;
  options.numerics = settings.numerics == "f32"    ? Numerics::f32
                     : settings.numerics == "fast" ? Numerics::fast
                                                   : Numerics::standard;
  auto loaded = Engine::load(settings.model, options);
  if (!loaded) {
    fmt::print(stderr, "serve_bench: {}\n", loaded.error().message);
    return 1;
  }
  Engine& engine = **loaded;
  const ModelInfo& info = engine.info();
  settings.work.vocabulary_size = info.vocabulary_size;
  Json results = Json::array();
  if (!settings.json) {
    fmt::print("{}: {:.0f} M parameters, {} threads, {}, {} numerics; {} prompt and {} new tokens, {}\n", info.name,
               static_cast<double>(info.parameter_count) / 1e6, info.threads, info.kernels, settings.numerics,
               settings.work.prompt_tokens, settings.work.new_tokens,
               settings.work.temperature == 0 ? "greedy" : fmt::format("temperature {}", settings.work.temperature));
    fmt::print("{:<13} {:>7} {:>9} {:>7}  {:>26}  {:>26}  {:>6} {:>6}  {:>6} {:>7}\n", "", "clients", "tokens/s", "",
               "first token p50/95/99 ms", "inter-token p50/95/99 ms", "cores", "others", "rows", "host");
  }
  double one_client[2] = {0, 0};
  const auto show = [&](const Row& row, int who) {
    if (row.cell.clients == 1) one_client[who] = row.cell.tokens_per_second;
    results.push_back(to_json(row));
    if (!settings.json) print(row, one_client[who]);
  };
  for (const int clients : settings.clients) {
    show(measure_engine(engine, settings, clients), 0);
    if (settings.llama_server.empty()) continue;
    if (const auto row = measure_llama(settings, clients, info.threads)) show(*row, 1);
  }
  const double each = settings.queued > 0 ? queued_bytes(engine, settings.queued) : 0;
  if (settings.json) {
    fmt::print("{}\n", to_text(Json{{"model", info.name},
                                    {"kernels", info.kernels},
                                    {"threads", info.threads},
                                    {"numerics", settings.numerics},
                                    {"prompt_tokens", settings.work.prompt_tokens},
                                    {"new_tokens", settings.work.new_tokens},
                                    {"temperature", settings.work.temperature},
                                    {"results", results},
                                    {"queued_request_bytes", each}},
                               2));
  } else if (settings.queued > 0) {
    fmt::print("a waiting request: {:.1f} kB beyond its prompt, mean of {}\n", each / 1000, settings.queued);
  }
  return 0;
}

}  // namespace
}  // namespace mlxserving::bench

int main(int argc, char** argv) {
  using namespace mlxserving::bench;
  Settings settings;
  CLI::App app{"The engine under closed-loop load, and llama.cpp's server beside it."};
  app.add_option("model", settings.model, "A directory in the MLX format.")->required();
  app.add_option("--gguf", settings.gguf, "The same weights for llama.cpp.");
  app.add_option("--llama-server", settings.llama_server, "Its server: bench/serve/build-llama-server prints the path.")
      ->needs("--gguf");
  app.add_option("--clients", settings.clients, "How many at once, cell by cell.")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--prompt-tokens", settings.work.prompt_tokens, "Of each request.")->capture_default_str();
  app.add_option("--new-tokens", settings.work.new_tokens, "Of each answer.")->capture_default_str();
  app.add_option("--temperature", settings.work.temperature, "0: greedy; otherwise with top_p 0.95.")
      ->capture_default_str();
  app.add_option("--seconds", settings.seconds, "Of each cell.")->capture_default_str();
  app.add_option("--numerics", settings.numerics, "As the program's.")
      ->check(CLI::IsMember({"f32", "default", "fast"}));
  app.add_option("--threads", settings.threads, "Of both; one a core when absent.");
  app.add_option("--queued", settings.queued, "Requests that wait at once when their weight is measured; 0: none.");
  app.add_flag("--quick", settings.quick, "Three seconds a cell.");
  app.add_flag("--json", settings.json, "Print one JSON object.");
  CLI11_PARSE(app, argc, argv);
  return run(settings);
}
