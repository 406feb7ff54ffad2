// From a body's bytes to a valid message: JSON, no field that nothing reads, every field of its type and range.
#pragma once

#include <string>

#include "core/json.h"
#include "mlxserving/engine.h"
#include "net/http_message.h"
#include "schema/read.h"
#include "schema/schema.h"

namespace mlxserving::api {

// Errors: invalid_request naming the field.
Result<Json> read_body(const std::string& body, const schema::Message& message);

// Every knob that the body names under the knob's own name and type.
Result<SamplingParams> read_sampling(const Json& body, const schema::Message& message);

// For protocols whose answers have no place for them. Errors: invalid_request.
Result<void> refuse_logprobs(const SamplingParams& sampling);

// priority, timeout_ms and the request's id.
void read_common(const schema::Reader& reader, const std::string& id, GenerateRequest& request);

// Whether stream_options asks for usage. Errors: invalid_request where there is no stream.
Result<bool> read_include_usage(const schema::Reader& reader, bool streamed);

// The four forms of a prompt or input: a text, texts, token ids, lists of ids.
std::vector<Prompt> read_prompts(const Json& value);

// Every knob as JSON, for `effective`.
Json to_json(const SamplingParams& sampling);

// An error of the engine in the words of the request: its `answers` is the client's `n`, its `inputs[3]` an `input[3]`.
struct Renamed {
  const char* engine;
  std::string wire;
};
Error rename_param(Error error, const std::vector<Renamed>& names);

// A prefix and 96 random bits.
std::string make_id(const char* prefix);
int64_t unix_seconds();

}  // namespace mlxserving::api
