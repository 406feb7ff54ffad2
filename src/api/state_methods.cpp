// runtime/info, runtime/state, runtime/telemetry and the batcher's metrics: what the runtime says of itself.
#include <fmt/format.h>

#include "api/rpc_methods.h"
#include "schema/read.h"
#include "telemetry/process_memory.h"

namespace mlxserving::api {
namespace {

// What an engine counts, or the reply when there is none.
std::variant<Metrics, RpcError> metrics_of(const Services& services, const std::string& model_id) {
  const auto engine = services.host.get(model_id);
  if (!engine) return not_loaded(model_id);
  return (*engine)->metrics();
}

std::string model_id_of(const Json& params) {
  return schema::Reader(*schema::find_message("ModelParams"), params).get<std::string>("model_id");
}

Json latency(const telemetry::Window& window) {
  Json out = {{"mean", window.mean()}, {"min", window.min()}, {"max", window.max()}};
  if (window.size() < 10) return out;  // too few for percentiles
  out["p50"] = window.quantile(0.5);
  out["p95"] = window.quantile(0.95);
  out["p99"] = window.quantile(0.99);
  return out;
}

Json per_second(const std::map<std::string, telemetry::Rate>& rates, const std::string& model_id) {
  const auto rate = rates.find(model_id);
  Json out = Json::object();
  for (const int span : {5, 30, 60}) {
    out[std::to_string(span) + "s"] = rate == rates.end() ? 0.0 : rate->second.per_second(span);
  }
  return out;
}

// Upper bound of each bucket that holds something, and how often.
Json distribution(const Histogram& histogram) {
  Json out = Json::object();
  for (size_t i = 0; i < histogram.bounds.size() && i < histogram.counts.size(); ++i) {
    if (histogram.counts[i] > 0) out[fmt::format("{:g}", histogram.bounds[i])] = histogram.counts[i];
  }
  return out;
}

double mean(const Histogram& histogram) {
  return histogram.count == 0 ? 0 : histogram.sum / static_cast<double>(histogram.count);
}

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Parts of the runtime that this one replaces: none of them is there.
Json native_optimizations() {
  return {{"enabled",
           {{"metal_pool", false},
            {"blit_queue", false},
            {"command_ring", false},
            {"cpu_tokenizer", false},
            {"weight_manager", false}}},
          {"statistics", Json::object()}};
}

}  // namespace

Reply runtime_info(const Services& services, const Json&, const Activity&) {
  const telemetry::ProcessMemory memory = telemetry::process_memory();
  return Json{{"version", services.version},
              {"mlx_version", services.mlx_version},
              {"mlx_lm_version", "not used"},
              {"protocol", "json-rpc-2.0"},
              {"capabilities", capabilities()},
              {"mlx_supported", true},
              {"memory", {{"rss", memory.resident_bytes}, {"vms", memory.virtual_bytes}}}};
}

Reply runtime_state(const Services& services, const Json&, const Activity& activity) {
  Json models = Json::array();
  for (const ModelStatus& status : services.host.list()) {
    if (status.state != ModelState::ready) continue;
    models.push_back({{"model_id", status.id}, {"state", "ready"}, {"type", "text"}});
  }
  // A process never restarts itself: a client that counts sees a new process.
  return Json{{"loaded_models", models}, {"active_streams", activity.active_streams}, {"restart_count", 0}};
}

Reply runtime_telemetry(const Services& services, const Json&, const Activity& activity) {
  if (!services.settings.telemetry) {
    return Json{{"enabled", false}, {"native_optimizations", native_optimizations()}};
  }
  const uint64_t calls = activity.generation_ms.total();
  Json generation = {{"calls", calls}, {"total_tokens", activity.generated_tokens}};
  if (calls > 0) {
    generation["avg_tokens_per_call"] = share(activity.generated_tokens, calls);
    generation["latency_ms"] = latency(activity.generation_ms);
    generation["throughput"] = {
        {"tokens_per_second", activity.generation_seconds > 0
                                  ? static_cast<double>(activity.generated_tokens) / activity.generation_seconds
                                  : 0}};
  }
  Json tokenization = {{"calls", activity.tokenize_ms.total()}};
  if (activity.tokenize_ms.total() > 0) tokenization["latency_ms"] = latency(activity.tokenize_ms);
  return Json{{"enabled", true},
              {"sampling_rate", services.settings.sampling_rate},
              {"generation", generation},
              {"tokenization", tokenization},
              {"errors",
               {{"total", activity.errors},
                {"timeouts", activity.timeouts},
                {"error_rate", share(activity.errors, activity.requests)}}},
              {"native_optimizations", native_optimizations()}};
}

Reply get_batcher_metrics(const Services& services, const Json& params, const Activity& activity) {
  const std::string id = model_id_of(params);
  auto read = metrics_of(services, id);
  if (auto* error = std::get_if<RpcError>(&read)) return std::move(*error);
  const auto& metrics = std::get<Metrics>(read);
  const telemetry::Window& window = activity.generation_ms;
  return Json{{"latency",
               {{"p50_ms", metrics.request_ms.quantile(0.5)},
                {"p95_ms", metrics.request_ms.quantile(0.95)},
                {"p99_ms", metrics.request_ms.quantile(0.99)},
                {"min_ms", window.min()},
                {"max_ms", window.max()},
                {"mean_ms", mean(metrics.request_ms)},
                {"count", metrics.request_ms.count}}},
              {"throughput",
               {{"tokens_per_second", per_second(activity.tokens, id)},
                {"requests_per_second", per_second(activity.requests_done, id)}}},
              {"batch",
               {{"current_size", metrics.running},
                {"min_size", metrics.batch_rows.quantile(0)},
                {"max_size", metrics.batch_rows.quantile(1)},
                {"mean_size", mean(metrics.batch_rows)},
                {"distribution", distribution(metrics.batch_rows)}}},
              {"queue_depth", metrics.queue_depth},
              {"mode_transitions", metrics.state_transitions},
              {"uptime_seconds", activity.uptime_seconds},
              {"timestamp", activity.timestamp}};
}

Reply get_batcher_health(const Services& services, const Json& params, const Activity&) {
  const std::string id = model_id_of(params);
  const auto engine = services.host.get(id);
  if (!engine) return not_loaded(id);
  const Health health = (*engine)->health();
  const Metrics metrics = (*engine)->metrics();
  const bool runs = health.state != HealthState::dead;
  Json indicators = Json::array();
  if (!health.reason.empty()) indicators.push_back(health.reason);
  return Json{{"healthy", health.state == HealthState::ready},
              {"running", runs},
              {"active_batch_size", metrics.running},
              {"pending_queue_size", metrics.queue_depth},
              {"total_requests", metrics.requests_submitted},
              {"completed_requests", metrics.requests_finished},
              {"max_batch_size", services.settings.streams_max},
              {"error_indicators", indicators}};
}

Reply get_week4_metrics(const Services& services, const Json& params, const Activity&) {
  const std::string id = model_id_of(params);
  const auto engine = services.host.get(id);
  if (!engine) return not_loaded(id);
  const Metrics metrics = (*engine)->metrics();
  const ModelInfo& info = (*engine)->info();
  const uint64_t used = metrics.pages_total - metrics.pages_free;
  const double kv_bytes = static_cast<double>(info.kv_bytes);
  return Json{
      {"week4_features",
       {{"memory_controller",
         {{"enabled", true},
          {"current_limit", services.settings.streams_max},
          {"utilization", share(used, metrics.pages_total)},
          {"active_memory_gb", (static_cast<double>(info.weight_bytes) + kv_bytes) / 1e9},
          {"oom_prevented", metrics.preemptions}}},
        {"prompt_cache",
         {{"enabled", true},
          {"cache_size", metrics.pages_cached},
          {"hit_rate", share(metrics.cached_prompt_tokens, metrics.cached_prompt_tokens + metrics.prompt_tokens)},
          {"total_requests", metrics.requests_submitted},
          {"cache_hits", metrics.cached_prompt_tokens},
          {"memory_mb", share(metrics.pages_cached, metrics.pages_total) * kv_bytes / 1e6}}}}},
      {"performance",
       {{"total_requests", metrics.requests_submitted},
        {"completed_requests", metrics.requests_finished},
        {"avg_batch_size", mean(metrics.batch_rows)},
        {"max_batch_size", services.settings.streams_max},
        {"active_batch_size", metrics.running}}}};
}

}  // namespace mlxserving::api
