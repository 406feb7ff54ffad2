// One request's generation on its way to a client of HTTP: events of its streams gathered into choices, told in the
// words of one protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/request_reader.h"
#include "core/json.h"
#include "mlxserving/engine.h"
#include "net/http_message.h"
#include "text/dialects/answer_parser.h"

namespace mlxserving::api {

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON, as the model wrote it
};

// One answer so far.
struct Choice {
  int32_t index = 0;
  std::string content;
  std::string reasoning;
  std::vector<ToolCall> calls;
  int32_t reasoning_tokens = 0;   // that brought reasoning
  std::vector<TextDelta> tokens;  // where logprobs are asked for
  std::optional<Finished> finished;
};

struct AnswerSet {
  std::string id;
  std::string model;
  int64_t created = 0;  // seconds since 1970
  std::vector<Choice> choices;
  std::vector<std::optional<PromptScores>> prompts;  // a stream's, where asked for
  Json effective = nullptr;                          // what really ran, where asked for

  Usage usage() const;  // prompts once each, answers all
};

// The end in OpenAI's words: stop, length, tool_calls.
const char* finish_reason(const Choice& choice);

Json usage_json(const Usage& usage);
Json timings_json(const Finished& finished);

// One protocol's words. Functions append to a stream of server-sent events, whole() is the body without a stream.
class Format {
 public:
  virtual ~Format() = default;
  virtual void begin(const AnswerSet& generation, std::string& out) = 0;
  // Parts that have become certain, already gathered into the choice, and the token that they came with, if it was one.
  virtual void parts(const AnswerSet& generation, const Choice& choice, const text::AnswerParts& parts,
                     const TextDelta* token, std::string& out) = 0;
  virtual void choice_end(const AnswerSet& generation, const Choice& choice, std::string& out) = 0;
  virtual void end(const AnswerSet& generation, std::string& out) = 0;
  virtual void progress(const PromptProgress& progress, std::string& out) { (void)progress, (void)out; }
  virtual void failure(const Error& error, std::string& out) = 0;

  virtual Json whole(AnswerSet& generation) = 0;
  virtual net::HttpResponse error(const Error& error) const = 0;
};

using ParserFactory = std::function<std::unique_ptr<text::AnswerParser>()>;

struct GenerationPlan {
  std::vector<std::unique_ptr<Stream>> streams;  // one a prompt
  int32_t answers = 1;                           // of each stream
  std::string model;
  std::string id;
  bool streamed = false;
  bool keep_tokens = false;
  bool one_call = false;  // an answer ends with its first tool call
  Json effective = nullptr;
  ParserFactory parser;  // empty: all text is content
  std::unique_ptr<Format> format;
  std::shared_ptr<void> ticket;     // held until the generation has ended
  net::HttpHeaders notes = {};      // for the access log
  std::vector<Renamed> names = {};  // of fields in the errors of streams
};

// `plan` has at least one stream.
std::unique_ptr<net::PendingResponse> respond(GenerationPlan plan);

// "event: NAME\ndata: JSON\n\n", without the first line where `name` is null.
void append_event(std::string& out, const char* name, const Json& data);

}  // namespace mlxserving::api
