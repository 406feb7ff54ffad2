// GET /openapi.json, made from the table of routes and the messages of src/schema.
#include <algorithm>
#include <string>

#include "api/routes.h"
#include "schema/export.h"
#include "schema/tables.h"

namespace mlxserving::api {
namespace {

constexpr const char* kSchemas = "#/components/schemas/";

Json response(const char* description, const Json& schema) {
  return {{"description", description}, {"content", {{"application/json", {{"schema", schema}}}}}};
}

Json error_schema() {
  const Json text_or_null = {{"type", {"string", "null"}}};
  const Json error = {{"type", "object"},
                      {"required", {"message", "type"}},
                      {"properties",
                       {{"message", {{"type", "string"}}},
                        {"type", {{"type", "string"}}},
                        {"param", text_or_null},
                        {"code", text_or_null}}}};
  return {{"type", "object"}, {"required", {"error"}}, {"properties", {{"error", error}}}};
}

Json operation(const Route& route) {
  Json operation = {{"summary", route.doc}, {"responses", Json::object()}};
  Json& responses = operation["responses"];
  const std::string_view path = route.path;
  const char* text = path == "/metrics" ? "text/plain" : path == "/" ? "text/html" : nullptr;
  if (text != nullptr) {
    responses["200"] = {{"description", "OK"}, {"content", {{text, {{"schema", {{"type", "string"}}}}}}}};
  } else {
    responses["200"] = response("OK", {{"type", "object"}});
    if (route.message != nullptr) {
      responses["200"]["content"]["text/event-stream"] = {{"schema", {{"type", "object"}}}};  // of an event
    }
  }
  const Json error = {{"$ref", std::string(kSchemas) + "Error"}};
  for (const auto& [status, description] :
       {std::pair{"400", "A field is wrong; `param` names it."}, std::pair{"401", "No known API key."},
        std::pair{"404", "No such model."}, std::pair{"405", "Another method."},
        std::pair{"413", "The body is too large."}, std::pair{"415", "Another content type."},
        std::pair{"422", "The model's files are broken."},
        std::pair{"429", "This key has too many generations at once."}, std::pair{"501", "The model cannot do this."},
        std::pair{"503", "Loading, overloaded or shutting down; Retry-After says when to come again."}}) {
    responses[status] = response(description, error);
  }
  if (route.message != nullptr) {
    operation["requestBody"] = {
        {"required", true},
        {"content", {{"application/json", {{"schema", {{"$ref", std::string(kSchemas) + route.message}}}}}}}};
  }
  if (const size_t brace = path.find('{'); brace != std::string_view::npos) {
    operation["parameters"] = Json::array({{{"name", std::string(path.substr(brace + 1, path.size() - brace - 2))},
                                            {"in", "path"},
                                            {"required", true},
                                            {"schema", {{"type", "string"}}}}});
  }
  if (!route.needs_key) operation["security"] = Json::array();
  return operation;
}

Json make_document() {
  Json schemas = {{"Error", error_schema()}};
  for (const schema::Message* message : schema::http_messages()) {
    schemas[message->name] = schema::to_json_schema(*message, kSchemas);
  }
  Json paths = Json::object();
  for (const Route& route : routes()) {
    std::string method = route.method;
    std::ranges::transform(method, method.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    paths[route.path][method] = operation(route);
  }
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "mlx-serving"}, {"version", "0.1.0"}}},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", std::move(schemas)}, {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
          {"security", Json::array({{{"key", Json::array()}}, Json::object()})}};
}

// The ids that `model` may be are this server's.
void name_models(const ModelShelf& shelf, Json& document) {
  Json ids = Json::array();
  for (const KnownModel& model : shelf.known()) ids.push_back(model.id);
  for (Json& schema : document["components"]["schemas"]) {
    if (schema["properties"].contains("model")) schema["properties"]["model"]["enum"] = ids;
  }
}

}  // namespace

net::HttpReply get_openapi(ServerState& state, net::HttpRequest&) {
  Json document = make_document();
  name_models(state.shelf, document);
  return net::HttpResponse{.body = to_text(document)};
}

}  // namespace mlxserving::api
