#include "api/http_reference.h"

#include <fmt/format.h>

#include "api/metric_names.h"
#include "api/routes.h"
#include "schema/export.h"
#include "schema/tables.h"
#include "text/dialects/dialects.h"

namespace mlxserving::api {
namespace {

constexpr const char* kIntroduction = R"(# The HTTP server

```
mlx-serving serve MODEL --port 8080
curl http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' \
  -d '{"model": "MODEL", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "stream": true}'
```

OpenAI's and Anthropic's clients work with base URL `http://127.0.0.1:8080/v1` (Anthropic's with `http://127.0.0.1:8080`). This page is
made from the tables that the server reads; a test compares them.

- **What is not honoured is refused.** A parameter that no table below has, one of a wrong type or out of range, and one that the
  model cannot do, is a 400 whose `param` names it.
- **Who leaves ends the work.** A closed connection cancels its request within a step, also while the prompt is read. A connection
  half closed by its client counts as closed for a generation; short answers are still sent.
- **Streams** are server-sent events. Until the first token, and whenever nothing comes for `keep_alive_ms`, a comment keeps the
  connection open. A failure before the first event has its own status; one after it comes as an event with `error`.
- **Usage** counts every answer that was made. `timings` tells queueing, first token, total and tokens a second; with
  `"effective": true` the response says what really ran: every knob, the seed drawn, kernels, threads.
- **Forms.** `response_format`, or one of the `guided_…` and `structured_outputs` spellings of vLLM's clients: the answer has that form
  from its first token on, so a model that thinks does not think before it. What cannot be enforced is refused by name
  ([structured-output.md](structured-output.md)).
- **Tools.** `tool_choice` required or a function's makes the answer nothing but calls whose arguments follow their schemas, in the
  [dialects](#tools-and-reasoning) that can be forced. With auto the text is free, and the calls of a tool that is `strict` follow
  its schema in the dialects whose calls have a mark of their own. A form holds the answer's text, of which a forced call leaves
  none; with auto, where the answer would have to be either, tools and a form are refused together.
- **Log-probabilities** are those of the answer's tokens. The token that ends it is no part of it and is not listed.
- **Hosts.** A server at a loopback address answers only to localhost, IP addresses and the names of `--allowed-host`, so that a web
  page whose name resolves to this machine cannot speak to it (DNS rebinding); 403 otherwise. At other addresses names are compared
  once one is given. Unix sockets are not asked.
- **Keys.** With `--api-key` (several allowed) requests need `Authorization: Bearer KEY` or `x-api-key: KEY`; `/`, `/health*`,
  `/metrics` and `/openapi.json` do not. Browsers of other sites are refused unless `--cors-origin` names theirs.
- **Logs.** One JSON line a request on standard error, with the id of the header `x-request-id` (taken or made, always sent back),
  `traceparent`, the model and `user`. Never the text of prompts or answers.
- **SIGTERM** closes idle connections, lets running requests end for `drain_timeout_ms`, and answers new ones with 503.
- Of a stop string Anthropic's form reports `end_turn`; which string it was is not told.
)";

std::string row(std::initializer_list<std::string> cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + cell + " |";
  return line + "\n";
}

std::string escaped(std::string text) {
  for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.replace(i, 1, "\\|");
  return text;
}

// "[ResponsesRequest](#responsesrequest)"
std::string link_to(const std::string& message) {
  std::string anchor = message;
  for (char& c : anchor) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return fmt::format("[{}](#{})", message, anchor);
}

std::string type_text(const Json& schema) {
  if (schema.contains("$ref")) {
    const std::string name = schema["$ref"].get<std::string>().substr(1);
    return schema::http_message(name).fields.empty() ? "object" : link_to(name);
  }
  if (schema.contains("enum")) return escaped(to_text(schema["enum"]));
  if (schema.contains("anyOf")) {
    std::string all;
    for (const Json& option : schema["anyOf"]) {
      const std::string one = type_text(option);
      if (all.find(one) == std::string::npos) all += (all.empty() ? "" : " or ") + one;
    }
    return all;
  }
  if (!schema.contains("type")) return "any";
  std::string text = schema["type"].get<std::string>();
  const auto bound = [&](const char* name, const char* words) {
    if (schema.contains(name)) text += fmt::format(" {} {}", words, to_text(schema[name]));
  };
  bound("minimum", "≥");
  bound("exclusiveMinimum", ">");
  bound("maximum", "≤");
  bound("maxItems", "of at most");
  bound("maxProperties", "of at most");
  if (schema.contains("items")) text += " of " + type_text(schema["items"]);
  return text;
}

std::string message_table(const schema::Message& message) {
  const Json json = schema::to_json_schema(message, "#");
  std::string out = row({"field", "type", "meaning"}) + "|---|---|---|\n";
  for (const schema::Field& field : schema::fields_of(message)) {
    const Json& property = json["properties"][field.name];
    const bool required = field.need == schema::Need::required;
    out += row(
        {fmt::format("`{}`{}", field.name, required ? " (required)" : ""), type_text(property), escaped(field.doc)});
  }
  return out;
}

std::string endpoints() {
  std::string out = "\n## Endpoints\n\n" + row({"method", "path", "body", "does"}) + "|---|---|---|---|\n";
  for (const Route& route : routes()) {
    out += row({route.method, fmt::format("`{}`", route.path), route.message == nullptr ? "" : link_to(route.message),
                escaped(route.doc)});
  }
  return out;
}

std::string bodies() {
  std::string out = "\n## Bodies\n";
  for (const schema::Message* message : schema::http_messages()) {
    if (message->fields.empty()) continue;
    out += fmt::format("\n### {}\n\n{}\n\n{}", message->name, message->doc, message_table(*message));
  }
  return out;
}

std::string errors() {
  std::string out =
      "\n## Errors\n\n`{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`; on `/v1/messages` "
      "`{\"type\": \"error\", \"error\": {\"type\", \"message\"}}`.\n\n" +
      row({"code", "status", "type", "type for Anthropic"}) + "|---|---|---|---|\n";
  for (const HttpErrorRow& error : kHttpErrors) {
    out += row({fmt::format("`{}`", to_string(error.code)), std::to_string(error.status), error.openai_type,
                error.anthropic_type});
  }
  return out +
         "\nA limit that one request alone exceeds is a 400 that names its field. 503 comes with `Retry-After`.\n";
}

std::string limits() {
  const net::HttpLimits defaults;
  std::string out = "\n## Limits\n\nEach is a flag: `--body-bytes-max`.\n\n" +
                    row({"limit", "default", "status", "meaning"}) + "|---|---|---|---|\n";
  for (const net::HttpLimit& limit : net::kHttpLimits) {
    out += row({fmt::format("`{}`", limit.name), std::to_string(defaults.*limit.member),
                limit.status == 0 ? "" : std::to_string(limit.status), limit.doc});
  }
  return out;
}

std::string tool_dialects() {
  std::string out =
      "\n## Tools and reasoning\n\nThe model's template shows in which dialect it writes calls; "
      "`effective.tool_dialect` and "
      "`/v1/models` tell. Arguments are passed on as the model wrote them, while they come. A call that turns out "
      "broken comes "
      "as text: in a stream its pieces have been sent by then, and its whole text follows as content. `<think>` "
      "reasoning "
      "comes as `reasoning_content`.\n\n" +
      row({"dialect", "form", "can be forced", "strict with auto"}) + "|---|---|---|---|\n";
  for (const text::Dialect& dialect : text::dialects()) {
    out += row({dialect.name, escaped(fmt::format("`{}`", dialect.doc)), dialect.call_begin == nullptr ? "no" : "yes",
                text::call_mark(dialect).empty() ? "no" : "yes"});
  }
  return out;
}

const char* kind_text(MetricName::Kind kind) {
  return kind == MetricName::Kind::counter ? "counter" : kind == MetricName::Kind::gauge ? "gauge" : "histogram";
}

std::string metrics() {
  std::string out =
      "\n## Metrics\n\n`/metrics`, in Prometheus's text format; docs/grafana.json is a dashboard of them.\n\n" +
      row({"name", "kind", "label", "meaning"}) + "|---|---|---|---|\n";
  const auto add = [&](const MetricName& name, const char* label) {
    out += row({fmt::format("`{}`", name.name), kind_text(name.kind), label, name.help});
  };
  for (const MetricName& name : kEngineMetrics) add(name, "model");
  add(kEngineUp, "model");
  add(kHttpRequests, "code");
  for (const MetricName& name : {kHttpBytes, kHttpConnections, kGenerations, kUptime}) add(name, "");
  return out;
}

}  // namespace

std::string http_reference_markdown() {
  return kIntroduction + endpoints() + bodies() + tool_dialects() + errors() + limits() + metrics();
}

}  // namespace mlxserving::api
