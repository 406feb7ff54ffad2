// GET /v1/models, /v1/models/{model}; POST /v1/models/load, /v1/models/unload
#include <utility>

#include "api/generation.h"
#include "api/request_reader.h"
#include "api/routes.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

const char* state_of(const ModelStatus& status) {
  switch (status.state) {
    case ModelState::loading: return "loading";
    case ModelState::ready: return "ready";
    case ModelState::failed: break;
  }
  return status.error.empty() ? "unloaded" : "failed";
}

Json model_json(const ModelShelf& shelf, const std::string& id) {
  const ModelStatus status = shelf.status(id);
  Json model = {{"id", id},
                {"object", "model"},
                {"created", status.loaded_at},
                {"owned_by", "mlx-serving"},
                {"state", state_of(status)},
                {"progress", status.state == ModelState::ready ? 1.0 : status.progress}};
  if (status.state == ModelState::ready) {
    model["bytes"] = status.bytes;
    model["idle_ms"] = status.idle_ms;
  }
  if (!status.error.empty()) model["error"] = status.error;
  return model;
}

// What is known of a ready model besides its state.
void add_info(const ModelInfo& info, Json& model) {
  model["architecture"] = info.architecture;
  model["parameter_count"] = info.parameter_count;
  model["context_tokens_max"] = info.context_tokens_max;
  model["max_model_len"] = info.context_tokens_max;
  model["vocabulary_size"] = info.vocabulary_size;
  model["has_chat_template"] = info.has_chat_template;
  model["tool_dialect"] = info.tool_dialect.empty() ? Json(nullptr) : Json(info.tool_dialect);
}

Json full_model_json(ServerState& state, const std::string& id) {
  Json model = model_json(state.shelf, id);
  if (model["state"] != "ready") return model;
  if (const auto engine = state.shelf.find(id)) add_info((*engine)->info(), model);
  return model;
}

// A load on its way, told as events or at its end.
class LoadResponse final : public net::PendingResponse {
 public:
  LoadResponse(ServerState& state, std::string id, bool streamed)
      : state_(state), id_(std::move(id)), streamed_(streamed) {}

  void on_ready(std::function<void()> wake) override { watch_ = state_.shelf.watch(id_, std::move(wake)); }
  bool is_streamed() const override { return streamed_; }

  std::optional<net::HttpResponse> begin(bool) override {
    if (streamed_) {
      return net::HttpResponse{.content_type = "text/event-stream", .headers = {{"cache-control", "no-cache"}}};
    }
    const ModelStatus status = state_.shelf.status(id_);
    if (status.state == ModelState::loading) return std::nullopt;
    if (status.state == ModelState::failed) return error_response(failure(status));
    return net::HttpResponse{.body = to_text(full_model_json(state_, id_))};
  }

  bool read(std::string& body, size_t) override {
    const ModelStatus status = state_.shelf.status(id_);
    if (status.state == ModelState::loading) {
      if (status.progress != told_) append_event(body, "progress", {{"model", id_}, {"progress", status.progress}});
      told_ = status.progress;
      return true;
    }
    if (status.state == ModelState::ready) {
      append_event(body, "ready", full_model_json(state_, id_));
    } else {
      append_event(body, "error", error_body(failure(status)));
    }
    return false;
  }

 private:
  Error failure(const ModelStatus& status) const {
    return fail(ErrorCode::invalid_model, "model", "the model '{}' could not be loaded: {}", id_, status.error);
  }

  ServerState& state_;
  std::string id_;
  bool streamed_;
  double told_ = -1;
  std::shared_ptr<void> watch_;
};

Result<Json> read_model(const net::HttpRequest& request) {
  return read_body(request.body, schema::http_message("HttpModelRequest"));
}

}  // namespace

net::HttpReply get_models(ServerState& state, net::HttpRequest&) {
  Json data = Json::array();
  for (const KnownModel& model : state.shelf.known()) data.push_back(full_model_json(state, model.id));
  return net::HttpResponse{.body = to_text({{"object", "list"}, {"data", std::move(data)}})};
}

net::HttpReply get_model(ServerState& state, net::HttpRequest& request) {
  const std::string id = request.path.substr(std::string_view("/v1/models/").size());
  for (const KnownModel& model : state.shelf.known()) {
    if (model.id == id) return net::HttpResponse{.body = to_text(full_model_json(state, id))};
  }
  return error_response(fail(ErrorCode::not_found, "model", "there is no model '{}'", id));
}

net::HttpReply load_model(ServerState& state, net::HttpRequest& request) {
  const auto body = read_model(request);
  if (!body) return error_response(body.error());
  const auto id = (*body)["model"].get<std::string>();
  if (const auto begun = state.shelf.load(id); !begun) return error_response(begun.error());
  return std::make_unique<LoadResponse>(state, id, body->value("stream", false));
}

net::HttpReply unload_model(ServerState& state, net::HttpRequest& request) {
  const auto body = read_model(request);
  if (!body) return error_response(body.error());
  const auto id = (*body)["model"].get<std::string>();
  if (const auto done = state.shelf.unload(id); !done) return error_response(done.error());
  return net::HttpResponse{.body = to_text(model_json(state.shelf, id))};
}

}  // namespace mlxserving::api
