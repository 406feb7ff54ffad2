#include "schema/validate.h"

#include <gtest/gtest.h>

#include "schema/read.h"

namespace mlxserving::schema {
namespace {

std::vector<Issue> issues_of(const char* message, const char* json, const Options& options = {}) {
  return validate(*parse_json(json, "test"), *find_message(message), options);
}

// "path|text|code" of every issue.
std::vector<std::string> faults(const char* message, const char* json, const Options& options = {}) {
  std::vector<std::string> out;
  for (const Issue& issue : issues_of(message, json, options)) {
    out.push_back(path_text(issue.path) + "|" + issue.message + "|" + issue.code);
  }
  return out;
}

using Faults = std::vector<std::string>;

struct Case {
  const char* message;
  const char* json;
  Faults want;
};

// What users of the Zod schemas know: text, path and code of every fault.
const Case kZodCases[] = {
    {"LoadModelOptions", R"({"model":""})", {"model|Cannot be empty|too_small"}},
    {"LoadModelOptions", R"({})", {"model|Model must be a non-empty string or a ModelDescriptor object|invalid_union"}},
    {"LoadModelOptions",
     R"({"model":{"id":"x"}})",
     {"model|Model must be a non-empty string or a ModelDescriptor object|invalid_union"}},
    {"LoadModelOptions",
     R"({"model":"m","quantization":"int3"})",
     {"quantization|Quantization must be one of: none, int8, int4|invalid_enum_value"}},
    {"LoadModelOptions", R"({"model":"m","draft":1})", {"draft|Expected boolean, received number|invalid_type"}},
    {"LoadModelOptions", "null", {"|Expected object, received null|invalid_type"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":"p","temperature":3})",
     {"temperature|Temperature cannot exceed 2|too_big"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":"p","maxTokens":0})",
     {"maxTokens|Must be a positive integer|too_small"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":"p","maxTokens":1000001})",
     {"maxTokens|maxTokens cannot exceed 100000|too_big"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":5})",
     {"prompt|Prompt must be a string, PromptTemplate, or TokenizedPrompt object|invalid_union"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":"p","structured":{"format":"xml"}})",
     {"structured.schema|Required|invalid_type",
      "structured.format|Format must be either json or yaml|invalid_enum_value"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":"p","stopTokenIds":[-1,1.5]})",
     {"stopTokenIds.0|Must be non-negative|too_small", "stopTokenIds.1|Must be an integer|invalid_type"}},
    {"GeneratorParams",
     R"({"model":"m","prompt":{"tokens":[-1]}})",
     {"prompt.tokens.0|Must be non-negative|too_small"}},
    {"GeneratorParams", R"({"model":"m","prompt":"","topK":"anything"})", {}},
    {"EngineTelemetryConfig",
     R"({"serviceName":"a b","prometheusPort":80})",
     {"enabled|enabled field is required|invalid_type",
      "serviceName|Service name must contain only alphanumeric characters, hyphens, and underscores|invalid_string",
      "prometheusPort|Prometheus port must be >= 1024|too_small"}},
    {"JsonRpcRetryConfig",
     R"({"max_attempts":3,"initial_delay_ms":10,"max_delay_ms":5,"backoff_multiplier":2,"retryable_errors":[]})",
     {"max_delay_ms|must be >= initial_delay_ms|custom"}},
    {"JsonRpcRequest",
     R"({"jsonrpc":"1.0","method":"x"})",
     {"jsonrpc|Invalid literal value, expected \"2.0\"|invalid_literal"}},
    {"JsonRpcSuccess", R"({"jsonrpc":"2.0","id":1})", {"|JSON-RPC success response must have result field|custom"}},
};

TEST(Validate, tells_every_fault_as_the_zod_schemas_do) {
  for (const Case& c : kZodCases) EXPECT_EQ(faults(c.message, c.json), c.want) << c.message << " " << c.json;
}

// The runtime's words, as JSON-RPC replies carry them.
const Case kRuntimeCases[] = {
    {"GenerateParams", R"({"prompt":"p"})", {"model_id|model_id is required|invalid_type"}},
    {"GenerateParams", R"({"model_id":"","prompt":"p"})", {"model_id|model_id is required|too_small"}},
    {"GenerateParams", R"({"model_id":5,"prompt":"p"})", {"model_id|model_id must be a string, got int|invalid_type"}},
    {"GenerateParams",
     R"({"model_id":"a/../b","prompt":"p"})",
     {"model_id|model_id contains invalid characters or path traversal attempts|invalid_string"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":null})",
     {"prompt|prompt must be a string, got NoneType|invalid_type"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","max_tokens":0})",
     {"max_tokens|max_tokens must be positive, got 0|too_small"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","max_tokens":"9"})",
     {"max_tokens|max_tokens must be an integer, got str|invalid_type"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","temperature":[]})",
     {"temperature|temperature must be numeric, got list|invalid_type"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","top_p":0})",
     {"top_p|top_p must be in (0, 1], got 0|too_small"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","presence_penalty":3})",
     {"presence_penalty|presence_penalty must be in [-2.0, 2.0], got 3|too_big"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","stop_sequences":["a",5]})",
     {"stop_sequences.1|stop_sequences[1] must be a string|invalid_type"}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","seed":4294967296})",
     {"seed|seed out of range (0 to 4294967295)|too_big"}},
    {"GenerateParams", R"({"model_id":"m","prompt":"p","seed":null,"stop_sequences":null})", {}},
    {"GenerateParams",
     R"({"model_id":"m","prompt":"p","top_k":-2})",
     {"top_k|top_k must be at least -1, got -2|too_small"}},
    {"LoadModelParams",
     R"({"model_id":"m","local_path":"/a/~b"})",
     {"local_path|Path contains potentially unsafe sequences (.. or ~): /a/~b|invalid_string"}},
    {"LoadModelParams",
     R"({"model_id":"m","context_length":0})",
     {"context_length|context_length out of range (1 to 1000000), got 0|too_small"}},
    {"LoadVisionModelParams",
     R"({"model_id":"m","quantization":"int3"})",
     {"quantization|quantization must be one of {int4,int8,fp16,bf16} or omitted|invalid_enum_value"}},
    {"GenerateWithImageParams",
     R"({"model_id":"m","prompt":"p"})",
     {"image|image parameter is required for vision generation|invalid_type"}},
    {"BatchGenerateParams",
     R"({"requests":5})",
     {"requests|batch_generate expects 'requests' to be a list|invalid_type"}},
};

TEST(Validate, tells_every_fault_in_the_runtimes_words) {
  for (const Case& c : kRuntimeCases) EXPECT_EQ(faults(c.message, c.json), c.want) << c.message << " " << c.json;
}

std::string with_stops(size_t count, size_t characters) {
  Json params = {{"model_id", "m"}, {"prompt", "p"}, {"stop_sequences", Json::array()}};
  for (size_t i = 0; i < count; ++i) params["stop_sequences"].push_back(std::string(characters, 'x'));
  return to_text(params);
}

TEST(Validate, limits_hold_at_and_break_above) {
  EXPECT_EQ(faults("GenerateParams", with_stops(9, 99).c_str()), Faults{});
  EXPECT_EQ(faults("GenerateParams", with_stops(10, 100).c_str()), Faults{});
  EXPECT_EQ(faults("GenerateParams", with_stops(11, 1).c_str()),
            Faults{"stop_sequences|too many stop_sequences (11, max 10)|too_big"});
  EXPECT_EQ(faults("GenerateParams", with_stops(1, 101).c_str()),
            Faults{"stop_sequences.0|stop_sequences[0] too long (101 chars, max 100)|too_big"});
}

TEST(Validate, counts_characters_not_bytes) {
  Json params = {{"model_id", "m"}, {"prompt", "p"}, {"stop_sequences", {""}}};
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xE6\x97\xA5";
  params["stop_sequences"][0] = text;
  EXPECT_TRUE(validate(params, *find_message("GenerateParams")).empty());
}

TEST(Validate, lists_at_most_so_many_issues) {
  for (const size_t bad : {kIssuesMax - 1, kIssuesMax, kIssuesMax + 1, size_t{100'000}}) {
    Json params = {{"model", "m"}, {"prompt", "p"}, {"stopTokenIds", Json::array()}};
    for (size_t i = 0; i < bad; ++i) params["stopTokenIds"].push_back(-1);
    EXPECT_EQ(validate(params, *find_message("GeneratorParams")).size(), std::min(bad, kIssuesMax));
  }
}

TEST(Validate, shows_only_the_head_of_a_long_value) {
  const Json params = {{"model_id", "m"}, {"prompt", "p"}, {"sampler_order", std::string(5000, 'x')}};
  const std::vector<Issue> issues = validate(params, *find_message("GenerateParams"));
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_LT(issues[0].message.size(), 200U);
  EXPECT_TRUE(issues[0].message.ends_with("...")) << issues[0].message;
}

TEST(Validate, takes_the_configured_bound_when_it_is_lower) {
  const Bound bounds[] = {{"model.max_generation_tokens", 4096}, {"model.max_temperature", 2}};
  const char* params = R"({"model_id":"m","prompt":"p","max_tokens":999999,"temperature":3})";
  EXPECT_EQ(faults("GenerateParams", params, {bounds}),
            (Faults{"max_tokens|max_tokens too large (999999, max 4096)|too_big",
                    "temperature|temperature too large (3, max 2.0)|too_big"}));
  EXPECT_EQ(faults("GenerateParams", params), Faults{});
}

TEST(Validate, integers_may_be_written_as_floats_but_not_beyond_what_doubles_keep) {
  EXPECT_EQ(faults("GenerateParams", R"({"model_id":"m","prompt":"p","max_tokens":3.0})"), Faults{});
  EXPECT_EQ(issues_of("GenerateParams", R"({"model_id":"m","prompt":"p","max_tokens":1e300})").size(), 1U);
  EXPECT_EQ(issues_of("GenerateParams", R"({"model_id":"m","prompt":"p","max_tokens":3.5})").size(), 1U);
}

TEST(Validate, error_names_the_field) {
  const Error error = to_error(issues_of("GeneratorParams", R"({"model":"m","prompt":"p","stopTokenIds":[-1]})"));
  EXPECT_EQ(error.message, "Validation error on field 'stopTokenIds.0': Must be non-negative");
  EXPECT_EQ(error.param, "stopTokenIds.0");
  EXPECT_EQ(to_error(issues_of("GeneratorParams", "[]")).message,
            "Validation error on field 'root': Expected object, received array");
  EXPECT_EQ(to_error({}).message, "Validation error: no issues reported");
}

TEST(Validate, issues_are_listed_with_path_message_and_code) {
  EXPECT_EQ(to_text(to_json(issues_of("GeneratorParams", R"({"model":"m","prompt":"p","stopTokenIds":[-1]})"))),
            R"([{"path":["stopTokenIds",0],"message":"Must be non-negative","code":"too_small"}])");
}

TEST(Parse, replaces_further_spellings_and_fills_in_defaults) {
  const Result<Parsed> parsed = parse(*parse_json(R"({"model_id":"m","prompt":"p","image":"QQ==","x":1})", "test"),
                                      *find_message("GenerateWithImageParams"));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(to_text(parsed.value().value),
            R"({"model_id":"m","prompt":"p","image":"QQ==","max_tokens":100,"temperature":0,"top_p":1,"x":1})");
  const Result<Parsed> request = parse(*parse_json(R"({"model_id":"m","text":"t","add_bos":true,"other":1})", "test"),
                                       *find_message("TokenizeRequest"));
  EXPECT_EQ(to_text(request->value), R"({"model":"m","text":"t","addBos":true})");
}

TEST(Parse, strict_mode_gives_the_error_and_all_issues) {
  std::vector<Issue> issues;
  const Json params = *parse_json(R"({"prompt":"p","temperature":9,"top_k":0.5})", "test");
  const Bound bounds[] = {{"model.max_temperature", 2}};
  const Result<Parsed> parsed = parse(params, *find_message("GenerateParams"), Mode::strict, {bounds}, &issues);
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().message, "model_id is required");
  EXPECT_EQ(issues.size(), 3U);
}

TEST(Parse, warning_mode_drops_wrong_optional_fields_and_says_so) {
  const Json params = *parse_json(R"({"model_id":"m","prompt":"p","top_p":9,"guidance":{"schema":5}})", "test");
  const Result<Parsed> parsed = parse(params, *find_message("GenerateParams"), Mode::warn);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(to_text(parsed->value), R"({"model_id":"m","prompt":"p","top_p":1.0})");
  EXPECT_EQ(parsed->warnings.size(), 2U);
  EXPECT_FALSE(parse(*parse_json("{}", "test"), *find_message("GenerateParams"), Mode::warn).ok());
}

TEST(Reader, reads_what_the_rows_say) {
  const Message& message = *find_message("GenerateParams");
  const Result<Parsed> parsed =
      parse(*parse_json(R"({"model_id":"m","prompt":"p","max_tokens":3.0,"stop_sequences":["a"],"seed":null})", "test"),
            message);
  const Reader reader(message, parsed.value().value);
  EXPECT_EQ(reader.get<std::string>("model_id"), "m");
  EXPECT_EQ(reader.get<int64_t>("max_tokens"), 3);
  EXPECT_EQ(reader.get<double>("temperature"), 0.7);
  EXPECT_EQ(reader.get<std::vector<std::string>>("stop_sequences"), std::vector<std::string>{"a"});
  EXPECT_FALSE(reader.has("seed"));
  EXPECT_EQ(reader.maybe<int64_t>("seed"), std::nullopt);
  EXPECT_THROW(reader.get<int64_t>("seed"), BrokenInvariant);
  EXPECT_THROW(reader.get<int64_t>("no_such_row"), BrokenInvariant);
  EXPECT_THROW(reader.get<int64_t>("prompt"), BrokenInvariant);
}

}  // namespace
}  // namespace mlxserving::schema
