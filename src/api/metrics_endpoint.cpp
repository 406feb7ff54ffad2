// GET /metrics: the engines' counters and the server's own, in Prometheus's text format. docs/http.md lists the names.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>

#include "api/metric_names.h"
#include "api/routes.h"

namespace mlxserving::api {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

class Families {
 public:
  void add(const MetricName& name, const std::string& model, double value) {
    ClientMetric metric;
    if (!model.empty()) metric.label = {{"model", model}};
    if (name.kind == MetricName::Kind::counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
    family(name).metric.push_back(std::move(metric));
  }

  void add_labelled(const MetricName& name, const char* label, const std::string& label_value, double value) {
    ClientMetric metric;
    metric.label = {{label, label_value}};
    metric.counter.value = value;
    family(name).metric.push_back(std::move(metric));
  }

  // In seconds where the name says so: the engine counts milliseconds.
  void add(const MetricName& name, const std::string& model, const Histogram& histogram) {
    ClientMetric metric;
    metric.label = {{"model", model}};
    const double scale = name.scale;
    metric.histogram.sample_count = histogram.count;
    metric.histogram.sample_sum = histogram.sum * scale;
    uint64_t below = 0;
    for (size_t i = 0; i < histogram.bounds.size(); ++i) {
      below += histogram.counts[i];
      ClientMetric::Bucket bucket;
      bucket.cumulative_count = below;
      bucket.upper_bound = histogram.bounds[i] * scale;
      metric.histogram.bucket.push_back(bucket);
    }
    family(name).metric.push_back(std::move(metric));
  }

  std::string to_text() const {
    std::vector<MetricFamily> families;
    families.reserve(by_name_.size());
    for (const auto& [name, family] : by_name_) families.push_back(family);
    return prometheus::TextSerializer().Serialize(families);
  }

 private:
  MetricFamily& family(const MetricName& name) {
    MetricFamily& family = by_name_[name.name];
    family.name = name.name;
    family.help = name.help;
    family.type = name.kind == MetricName::Kind::counter     ? prometheus::MetricType::Counter
                  : name.kind == MetricName::Kind::histogram ? prometheus::MetricType::Histogram
                                                             : prometheus::MetricType::Gauge;
    return family;
  }

  std::map<std::string, MetricFamily> by_name_;
};

void add_engine(const Metrics& metrics, const Health& health, const std::string& model, Families& families) {
  for (const MetricName& name : kEngineMetrics) {
    if (name.counter != nullptr) families.add(name, model, static_cast<double>(metrics.*name.counter));
    if (name.histogram != nullptr) families.add(name, model, metrics.*name.histogram);
  }
  families.add(kEngineUp, model, health.state == HealthState::ready || health.state == HealthState::degraded ? 1 : 0);
}

void add_server(ServerState& state, Families& families) {
  constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (size_t i = 0; i < std::size(kClasses); ++i) {
    families.add_labelled(kHttpRequests, "code", kClasses[i], static_cast<double>(state.requests_by_class[i]));
  }
  families.add(kHttpBytes, "", static_cast<double>(state.bytes_sent));
  families.add(kHttpConnections, "", static_cast<double>(state.connections()));
  families.add(kGenerations, "", static_cast<double>(state.admission.running()));
  const std::chrono::duration<double> up = std::chrono::steady_clock::now() - state.started;
  families.add(kUptime, "", up.count());
}

}  // namespace

net::HttpReply get_metrics(ServerState& state, net::HttpRequest&) {
  Families families;
  for (const KnownModel& model : state.shelf.known()) {
    if (const auto engine = state.shelf.find(model.id)) {
      add_engine((*engine)->metrics(), (*engine)->health(), model.id, families);
    }
  }
  add_server(state, families);
  return net::HttpResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = families.to_text()};
}

}  // namespace mlxserving::api
