#include "api/chat_format.h"

#include <utility>

#include "api/http_error.h"

namespace mlxserving::api {
namespace {

using text::AnswerPart;

Json entry_json(const TokenLogprob& entry) {
  Json bytes = Json::array();
  for (const char c : entry.bytes) bytes.push_back(static_cast<uint8_t>(c));
  return {{"token", entry.bytes}, {"logprob", entry.logprob}, {"bytes", std::move(bytes)}};
}

Json call_json(const ToolCall& call) {
  return {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

class ChatFormat final : public Format {
 public:
  explicit ChatFormat(const FormatOptions& options) : options_(options) {}

  void begin(const AnswerSet& generation, std::string& out) override {
    prefix_ = "data: {\"id\":" + to_text(generation.id) + R"(,"object":"chat.completion.chunk","created":)" +
              std::to_string(generation.created) + ",\"model\":" + to_text(generation.model) +
              ",\"system_fingerprint\":null,\"choices\":[";
    for (const Choice& choice : generation.choices) {
      chunk(choice, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr, out);
    }
    calls_.resize(generation.choices.size());
  }

  void parts(const AnswerSet&, const Choice& choice, const text::AnswerParts& parts, const TextDelta* token,
             std::string& out) override {
    const bool with_logprobs = options_.logprobs && token != nullptr && token->logprob.has_value();
    Json logprobs = nullptr;
    if (with_logprobs) logprobs = {{"content", Json::array({logprob_json(*token)})}, {"refusal", nullptr}};
    if (parts.empty() && with_logprobs) return chunk(choice, {{"content", ""}}, logprobs, nullptr, out);
    // calls_ counts what was begun in this stream: a lost call keeps its index, and its text follows as content.
    size_t& begun = calls(choice);
    for (const AnswerPart& part : parts) {
      switch (part.kind) {
        case AnswerPart::Kind::content: text_chunk(choice, "content", part.text, logprobs, out); break;
        case AnswerPart::Kind::reasoning: text_chunk(choice, "reasoning_content", part.text, logprobs, out); break;
        case AnswerPart::Kind::call: {
          const Json call = {{"index", begun},
                             {"id", call_id(choice, parts, part)},
                             {"type", "function"},
                             {"function", {{"name", part.text}, {"arguments", ""}}}};
          ++begun;
          chunk(choice, {{"tool_calls", Json::array({call})}}, logprobs, nullptr, out);
          break;
        }
        case AnswerPart::Kind::arguments:
          chunk(choice,
                {{"tool_calls", Json::array({{{"index", begun - 1}, {"function", {{"arguments", part.text}}}}})}},
                logprobs, nullptr, out);
          break;
        case AnswerPart::Kind::call_end:
        case AnswerPart::Kind::call_lost: continue;
      }
      logprobs = nullptr;
    }
  }

  void choice_end(const AnswerSet& generation, const Choice& choice, std::string& out) override {
    Json extra = {{"timings", timings_json(*choice.finished)}};
    if (!generation.effective.is_null()) extra["effective"] = generation.effective;
    chunk(choice, Json::object(), nullptr, finish_reason(choice), out, &extra);
  }

  void end(const AnswerSet& generation, std::string& out) override {
    if (options_.include_usage) out += prefix_ + "],\"usage\":" + to_text(usage_json(generation.usage())) + "}\n\n";
    out += "data: [DONE]\n\n";
  }

  void failure(const Error& error, std::string& out) override { append_event(out, nullptr, error_body(error)); }
  net::HttpResponse error(const Error& error) const override { return error_response(error); }

  Json whole(AnswerSet& generation) override {
    Json choices = Json::array();
    for (Choice& choice : generation.choices) choices.push_back(choice_json(choice));
    Json body = {{"id", generation.id},
                 {"object", "chat.completion"},
                 {"created", generation.created},
                 {"model", generation.model},
                 {"system_fingerprint", nullptr},
                 {"choices", std::move(choices)},
                 {"usage", usage_json(generation.usage())},
                 {"timings", timings_json(*generation.choices.front().finished)}};
    if (!generation.effective.is_null()) body["effective"] = std::move(generation.effective);
    return body;
  }

 private:
  // The generation's own id of the call that `part` begins: the parts were gathered before they are told.
  static std::string call_id(const Choice& choice, const text::AnswerParts& parts, const AnswerPart& part) {
    size_t later = 0;
    bool lost = false;
    for (const AnswerPart* p = &part + 1; p != parts.data() + parts.size(); ++p) {
      if (p->kind == AnswerPart::Kind::call) ++later;
      if (p->kind == AnswerPart::Kind::call_lost) later == 0 ? (void)(lost = true) : (void)--later;
    }
    if (lost || later >= choice.calls.size()) return "call_lost";
    return choice.calls[choice.calls.size() - 1 - later].id;
  }

  size_t& calls(const Choice& choice) { return calls_[static_cast<size_t>(choice.index)]; }

  // The chunk that nearly all are, without building a tree.
  void text_chunk(const Choice& choice, const char* name, const std::string& text, const Json& logprobs,
                  std::string& out) {
    out += prefix_;
    out += "{\"index\":" + std::to_string(choice.index) + ",\"delta\":{\"" + name + "\":";
    out += to_text(Json(text));
    out += "},\"logprobs\":";
    out += logprobs.is_null() ? "null" : to_text(logprobs);
    out += ",\"finish_reason\":null}]}\n\n";
  }

  void chunk(const Choice& choice, const Json& delta, const Json& logprobs, const char* reason, std::string& out,
             const Json* extra = nullptr) {
    const Json entry = {{"index", choice.index},
                        {"delta", delta},
                        {"logprobs", logprobs},
                        {"finish_reason", reason == nullptr ? Json(nullptr) : Json(reason)}};
    out += prefix_ + to_text(entry) + "]";
    if (extra != nullptr) {
      for (const auto& [name, value] : extra->items()) out += "," + to_text(Json(name)) + ":" + to_text(value);
    }
    out += "}\n\n";
  }

  Json choice_json(Choice& choice) const {
    Json message = {{"role", "assistant"}, {"content", std::move(choice.content)}, {"refusal", nullptr}};
    if (!choice.reasoning.empty()) message["reasoning_content"] = std::move(choice.reasoning);
    if (!choice.calls.empty()) {
      if (message["content"].get_ref<const std::string&>().empty()) message["content"] = nullptr;
      Json calls = Json::array();
      for (const ToolCall& call : choice.calls) calls.push_back(call_json(call));
      message["tool_calls"] = std::move(calls);
    }
    Json logprobs = nullptr;
    if (options_.logprobs) {
      Json content = Json::array();
      for (const TextDelta& token : choice.tokens) {
        if (token.logprob) content.push_back(logprob_json(token));
      }
      logprobs = {{"content", std::move(content)}, {"refusal", nullptr}};
    }
    return {{"index", choice.index},
            {"message", std::move(message)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", finish_reason(choice)}};
  }

  FormatOptions options_;
  std::string prefix_;
  std::vector<size_t> calls_;
};

}  // namespace

Json logprob_json(const TextDelta& token) {
  Json entry = entry_json(*token.logprob);
  entry["top_logprobs"] = Json::array();
  for (const TokenLogprob& top : token.top_logprobs) entry["top_logprobs"].push_back(entry_json(top));
  return entry;
}

std::unique_ptr<Format> chat_format(const FormatOptions& options) { return std::make_unique<ChatFormat>(options); }

}  // namespace mlxserving::api
