// Every method against every kind of bad input, made from the schema's rows: one clear answer each, and a runtime that
// goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "api/id_scanner.h"
#include "api/rpc_fixture.h"
#include "schema/validate.h"

namespace mlxserving::api {
namespace {

using schema::Field;
using schema::Kind;
using test::RpcFixture;

// A value that the row allows.
Json sample(const Field& field) {
  const std::string_view name = field.name;
  if (name == "local_path") return "/";
  if (name == "requests") return Json::array();
  const schema::Type& type = field.type;
  switch (type.kind) {
    case Kind::boolean: return true;
    case Kind::integer: return std::max<int64_t>(1, type.range.min > -1e9 ? static_cast<int64_t>(type.range.min) : 1);
    case Kind::number: return std::max(0.5, type.range.min);
    case Kind::string: return "m";
    case Kind::choice: return type.choices.front();
    case Kind::list: return Json::array();
    case Kind::map: return Json::object();
    case Kind::object: return {{"schema", Json::object()}};
    case Kind::either: return "m";
    case Kind::any: break;
  }
  return 1;
}

Json valid_params(const schema::Message& message) {
  Json params = Json::object();
  for (const Field& field : fields_of(message)) {
    if (field.need == schema::Need::required) params[field.name] = sample(field);
  }
  return params;
}

// What stands in the text as it is, where a JSON value cannot say it.
constexpr const char* kRaw = "@raw@";

struct Case {
  std::string what;
  Json value;
  std::string raw = {};
};

std::vector<Case> bad_values(const Field& field) {
  const std::string megabyte(1 << 20, 'x');
  std::vector<Case> cases = {
      {"null", nullptr},          {"boolean", true},
      {"string", "text"},         {"empty string", ""},
      {"1 MB string", megabyte},  {"negative", -1},
      {"fraction", 0.25},         {"huge", 1e300},
      {"huge negative", -1e300},  {"2^53", 9007199254740993},
      {"list", Json::array({1})}, {"empty list", Json::array()},
      {"object", {{"a", 1}}},     {"list of null", Json::array({nullptr})},
  };
  for (const char* raw : {"NaN", "Infinity", "-Infinity", "1e999", "01", "\"\xFF\xC0\"", "\"\\ud800\"", "'x'", ""}) {
    cases.push_back({std::string("raw ") + raw, kRaw, raw});
  }
  cases.push_back({"deep", kRaw, std::string(200, '[') + std::string(200, ']')});
  cases.push_back({"very deep", kRaw, std::string(100'000, '[')});
  if (field.type.range.min > -schema::kInfinity) cases.push_back({"below", field.type.range.min - 1});
  if (field.type.range.max < schema::kInfinity) cases.push_back({"above", field.type.range.max + 1});
  return cases;
}

class BadInput : public testing::Test {
 protected:
  BadInput() : rpc_(settings()) {}
  ~BadInput() override {
    rpc_.wait_for_replies(sent_.size());
    check_replies();
    EXPECT_TRUE(rpc_.result("runtime/info", Json::object()).contains("version")) << "the runtime is alive";
  }

  static config::RuntimeSettings settings() {
    config::RuntimeSettings settings;
    settings.default_max_tokens = 1;
    settings.pending_max = 1 << 20;
    settings.pending_bytes_max = size_t{4} << 30;
    return settings;
  }

  struct Sent {
    std::string what;
    bool must_fail;
  };

  void send(const std::string& method, const Json& params, const std::string& raw, const std::string& what) {
    const int id = 1'000'000 + static_cast<int>(sent_.size());
    const schema::Message& message = *schema::find_message(find_method(method)->params);
    const bool is_invalid = !raw.empty() || !schema::validate(params, message).empty();
    // A good shutdown is no bad input.
    if (!is_invalid && method == "shutdown") return;
    sent_[id] = {method + ": " + what, is_invalid};
    std::string line = to_text({{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}});
    if (const size_t at = line.find("\"@raw@\""); at != std::string::npos) line.replace(at, 7, raw);
    rpc_.send(line);
  }

  void check_replies() {
    std::map<Json, int> answers;
    for (const Json& line : rpc_.lines()) {
      if (!line.contains("id")) continue;
      ++answers[line["id"]];
      const auto sent = sent_.find(line["id"].is_number() ? line["id"].get<int>() : 0);
      const std::string what = sent == sent_.end() ? to_text(line).substr(0, 200) : sent->second.what;
      const bool must_fail = sent != sent_.end() && sent->second.must_fail;
      EXPECT_TRUE(!must_fail || line.contains("error")) << what;
      if (line.contains("error")) check_error(line["error"], what);
    }
    for (const auto& [id, sent] : sent_) EXPECT_EQ(answers[id], 1) << sent.what;
  }

  static void check_error(const Json& error, const std::string& what) {
    const int code = error["code"].get<int>();
    const bool is_known =
        std::ranges::any_of(kRpcErrors, [&](const RpcErrorRow& row) { return static_cast<int>(row.code) == code; });
    EXPECT_TRUE(is_known) << what;
    EXPECT_NE(code, static_cast<int>(RpcCode::runtime_error)) << what << ": no fault of ours";
    EXPECT_FALSE(error["message"].get<std::string>().empty()) << what;
    EXPECT_LE(error["message"].get<std::string>().size(), 2000U) << what << ": a message does not repeat a megabyte";
    EXPECT_TRUE(error["data"]["type"].is_string()) << what;
    const bool has_issues = error["data"]["type"] == "ValidationError";
    EXPECT_TRUE(!has_issues || !error["data"]["issues"].empty()) << what;
  }

  std::map<int, Sent> sent_;
  RpcFixture rpc_;
};

TEST_F(BadInput, each_field_of_each_method_missing_wrong_or_out_of_range) {
  for (const Method& method : methods()) {
    const schema::Message& message = *schema::find_message(method.params);
    const Json good = valid_params(message);
    for (const Field& field : fields_of(message)) {
      Json params = good;
      params.erase(field.name);
      send(method.name, params, "", std::string(field.name) + " missing");
      for (const Case& bad : bad_values(field)) {
        params[field.name] = bad.value;
        send(method.name, params, bad.raw.empty() && bad.value == kRaw ? " " : bad.raw,
             std::string(field.name) + " is " + bad.what);
      }
    }
  }
}

TEST_F(BadInput, params_that_are_no_object_and_members_nobody_knows) {
  for (const Method& method : methods()) {
    for (const Json& params : {Json(nullptr), Json(1), Json("x"), Json(true), Json::array({1})}) {
      send(method.name, params, "", "params are " + to_text(params));
    }
    Json extra = valid_params(*schema::find_message(method.params));
    extra["no_such_field"] = {{"deep", Json::array({1, 2, 3})}};
    send(method.name, extra, "", "an extra member");
    Json many = Json::object();
    for (int i = 0; i < 4000; ++i) many["field" + std::to_string(i)] = i;
    if (std::string_view(method.name) != "shutdown") send(method.name, many, "", "4000 extra members");
  }
}

// --------------------------------------------------------------------------------------------------------- envelopes

struct Envelope {
  const char* line;
  int code;
  const char* id;  // of the reply, as JSON
};

constexpr Envelope kEnvelopes[] = {
    {R"({"jsonrpc":"1.0","method":"runtime/info","id":1})", -32600, "1"},
    {R"({"method":"runtime/info","id":2})", -32600, "2"},
    {R"({"jsonrpc":2.0,"method":"runtime/info","id":3})", -32600, "3"},
    {R"({"jsonrpc":"2.0","id":4})", -32600, "4"},
    {R"({"jsonrpc":"2.0","method":5,"id":5})", -32600, "5"},
    {R"({"jsonrpc":"2.0","method":"no/such","id":6})", -32601, "6"},
    {R"({"jsonrpc":"2.0","method":"","id":7})", -32601, "7"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":null})", -32600, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":1.5})", -32600, "1.5"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":true})", -32600, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":[1]})", -32600, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":{"a":1}})", -32600, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":9007199254740993})", -32600, "9007199254740993"},
    {R"([{"jsonrpc":"2.0","method":"runtime/info","id":8}])", -32600, "null"},
    {R"("text")", -32600, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":9)", -32700, "null"},
    {R"({"jsonrpc":"2.0","id":10,"method":})", -32700, "10"},
    {R"({"jsonrpc":"2.0","id":"eleven","method":"a","method":"b"})", -32700, "\"eleven\""},
    {R"({"id":12,"params":{"id":13},"id":14,})", -32700, "null"},
    {R"({"params":{"id":15},"id":16} trailing)", -32700, "16"},
    {"{\"id\":17,\"method\":\"\xFF\"}", -32700, "17"},
    {"\xFE\xFF", -32700, "null"},
    {R"({"jsonrpc":"2.0","method":"runtime/info","id":18,"x":1e999})", -32700, "18"},
};

TEST(BadEnvelope, each_gets_one_error_with_its_id_where_that_can_be_read) {
  for (const Envelope& envelope : kEnvelopes) {
    RpcFixture rpc;
    rpc.send(envelope.line);
    rpc.wait_for_replies(1);
    const std::vector<Json> lines = rpc.lines();
    ASSERT_EQ(lines.size(), 1U);
    ASSERT_TRUE(lines[0].contains("error")) << envelope.line;
    EXPECT_EQ(lines[0]["error"]["code"], envelope.code) << envelope.line;
    EXPECT_EQ(to_text(lines[0]["id"]), envelope.id) << envelope.line;
    EXPECT_TRUE(rpc.result("runtime/info", Json::object()).contains("version"));
  }
}

TEST(BadEnvelope, a_notification_gets_no_reply_however_wrong) {
  RpcFixture rpc;
  rpc.notify("no/such", Json::object());
  rpc.notify("generate", {{"model_id", 3}});
  rpc.notify("tokenize", {{"model_id", "m"}, {"text", "x"}});
  rpc.result("runtime/info", Json::object());
  rpc.result("tokenize", {{"model_id", "m"}, {"text", "x"}});
  EXPECT_EQ(rpc.lines().size(), 2U);
}

TEST(BadEnvelope, the_id_of_a_long_line_is_found_in_any_number_of_parts) {
  const std::string line =
      R"({"jsonrpc":"2.0","params":{"id":1,"text":")" + std::string(3000, 'x') + R"(\"}","n":[{"id":2}]},"id":"a\"b"})";
  for (const size_t step : {1, 2, 3, 7, 4096}) {
    IdScanner scanner;
    for (size_t at = 0; at < line.size(); at += step) scanner.feed(std::string_view(line).substr(at, step));
    ASSERT_TRUE(scanner.id());
    EXPECT_EQ(*scanner.id(), "a\"b");
  }
}

// ----------------------------------------------------------------------------------------------------------- modes

TEST(ValidationMode, strict_tells_every_fault_and_warning_mode_forgives_what_may_be_absent) {
  const Json params = {{"model_id", "m"}, {"prompt", "abc"}, {"stream_id", "s"}, {"temperature", "hot"}, {"seed", -1}};
  RpcFixture strict;
  const Json error = strict.error("generate", params);
  EXPECT_EQ(error["data"]["issues"].size(), 2U);
  EXPECT_EQ(error["data"]["issues"][0]["path"], Json::array({"temperature"}));
  EXPECT_EQ(error["message"], "temperature must be numeric, got str");
  config::RuntimeSettings settings;
  settings.strict = false;
  RpcFixture forgiving(settings);
  EXPECT_TRUE(forgiving.result("generate", params).contains("started_at"));
  EXPECT_EQ(forgiving.error("generate", {{"prompt", "abc"}})["message"], "model_id is required");
}

}  // namespace
}  // namespace mlxserving::api
