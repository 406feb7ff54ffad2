#include "api/rpc_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/rpc_fixture.h"

namespace mlxserving::api {
namespace {

using test::RpcFixture;

Json generate_params(const std::string& prompt, const std::string& stream_id, int max_tokens = 3) {
  return {{"model_id", "m"}, {"prompt", prompt}, {"stream_id", stream_id}, {"max_tokens", max_tokens}};
}

std::vector<Json> notifications(RpcFixture& rpc, const std::string& stream_id) {
  std::vector<Json> found;
  for (const Json& line : rpc.lines()) {
    if (line.contains("method") && line["params"]["stream_id"] == stream_id) found.push_back(line);
  }
  return found;
}

TEST(RpcServer, a_generation_is_replied_to_then_told_token_by_token_and_ended_once) {
  RpcFixture rpc;
  const Json reply = rpc.reply(rpc.call("generate", generate_params("abc", "s")));
  EXPECT_EQ(reply["result"]["stream_id"], "s");
  EXPECT_TRUE(reply["result"]["started_at"].is_number_float());
  EXPECT_EQ(rpc.end_of("s"), Json::parse(R"({"stream_id":"s","event":"completed","is_final":true,)"
                                         R"("finish_reason":"length"})"));
  const std::vector<Json> told = notifications(rpc, "s");
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(to_text(told[0]), R"({"jsonrpc":"2.0","method":"stream.chunk","params":{"stream_id":"s","token":"a",)"
                              R"("token_id":97,"is_final":false}})");
  EXPECT_EQ(told[3]["method"], "stream.stats");
  EXPECT_EQ(to_text(told[3]["params"]), R"({"stream_id":"s","tokens_generated":3,"tokens_per_second":300.0,)"
                                        R"("time_to_first_token":0.002,"total_time":0.012})");
  const std::vector<Json> lines = rpc.lines();
  const auto first = std::ranges::find_if(lines, [](const Json& line) { return line.contains("method"); });
  const auto replied = std::ranges::find(lines, reply);
  EXPECT_LT(replied, first) << "the reply comes before the first chunk";
}

TEST(RpcServer, without_streaming_the_answer_is_one_chunk) {
  RpcFixture rpc;
  Json params = generate_params("abc", "s", 5);
  params["streaming"] = false;
  rpc.call("generate", params);
  rpc.end_of("s");
  const std::vector<Json> told = notifications(rpc, "s");
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0]["params"]["token"], "abcab");
  EXPECT_EQ(told[0]["params"]["is_final"], true);
}

TEST(RpcServer, a_stream_that_fails_ends_with_its_error_and_no_statistics) {
  RpcFixture rpc;
  rpc.call("generate", generate_params("fail", "s"));
  const Json end = rpc.end_of("s");
  EXPECT_EQ(end["event"], "error");
  EXPECT_EQ(end["error"], "it broke");
  EXPECT_EQ(end["code"], "internal");
  EXPECT_EQ(notifications(rpc, "s").size(), 2U);
}

TEST(RpcServer, a_batch_fails_item_by_item_with_code_and_data) {
  RpcFixture rpc;
  const Json result = rpc.result("batch_generate", {{"requests",
                                                     {generate_params("abc", "a"),
                                                      {{"model_id", "none"}, {"prompt", "x"}, {"stream_id", "b"}},
                                                      generate_params("abc", "c", 0)}}});
  ASSERT_EQ(result["results"].size(), 3U);
  EXPECT_EQ(result["results"][0]["result"]["stream_id"], "a");
  EXPECT_EQ(result["results"][0]["error"], nullptr);
  EXPECT_EQ(result["results"][1]["error"], "Model not loaded: none");
  EXPECT_EQ(result["results"][1]["code"], -32005);
  EXPECT_EQ(result["results"][2]["error"], "max_tokens must be positive, got 0");
  EXPECT_EQ(result["results"][2]["data"]["field"], "max_tokens");
  rpc.end_of("a");
}

TEST(RpcServer, a_batch_needs_stream_ids_and_each_once) {
  RpcFixture rpc;
  const auto message = [&](const Json& requests) {
    return rpc.error("batch_generate", {{"requests", requests}})["message"];
  };
  EXPECT_EQ(message({{{"model_id", "m"}, {"prompt", "x"}}}),
            "batch_generate request at index 0 is missing 'stream_id'");
  EXPECT_EQ(message({generate_params("x", "s"), generate_params("x", "s")}),
            "Duplicate stream_id 's' detected in batch_generate payload");
  EXPECT_EQ(rpc.error("batch_generate", {{"requests", 3}})["message"],
            "batch_generate expects 'requests' to be a list");
  EXPECT_EQ(to_text(rpc.result("batch_generate", {{"requests", Json::array()}})), R"({"results":[]})");
}

TEST(RpcServer, a_parallel_batch_replies_null_when_its_streams_have_ended) {
  RpcFixture rpc;
  const int id =
      rpc.call("batch_generate_parallel",
               {{"requests", {generate_params("abc", "a"), generate_params("abc", "b")}}, {"batch_size", 2}});
  EXPECT_EQ(rpc.reply(id)["result"], nullptr);
  for (const char* stream : {"a", "b"}) {
    const std::vector<Json> told = notifications(rpc, stream);
    ASSERT_EQ(told.size(), 4U) << "no stream.stats";
    EXPECT_EQ(told[3]["params"]["stats"]["tokens_generated"], 3);
  }
}

TEST(RpcServer, a_stream_id_is_free_again_once_its_end_was_told) {
  RpcFixture rpc;
  rpc.call("generate", generate_params("wait", "s"));
  EXPECT_EQ(rpc.error("generate", generate_params("abc", "s"))["message"], "Stream ID 's' is already in use");
  EXPECT_EQ(rpc.result("cancel", {{"stream_id", "s"}})["success"], true);
  EXPECT_EQ(rpc.end_of("s")["finish_reason"], "cancelled");
  EXPECT_TRUE(rpc.result("generate", generate_params("abc", "s")).contains("started_at"));
  EXPECT_EQ(rpc.result("cancel", {{"stream_id", "never"}})["success"], false);
}

TEST(RpcServer, a_pending_request_is_cancelled_by_id_as_method_or_notification) {
  RpcFixture rpc;
  const int load = rpc.call("load_model", {{"model_id", "mslow"}, {"local_path", "/"}});
  const int waiting = rpc.call("tokenize", {{"model_id", "mslow"}, {"text", "x"}});
  rpc.notify("cancel", {{"id", waiting}});
  EXPECT_EQ(rpc.reply(waiting)["error"]["code"], -32800);
  EXPECT_EQ(rpc.result("cancel", {{"id", load}})["success"], true);
  EXPECT_EQ(rpc.reply(load)["error"]["message"], "cancelled");
  rpc.host().release();
  // What the cancelled load brought is put away again, before the next call of that model.
  EXPECT_EQ(rpc.error("tokenize", {{"model_id", "mslow"}, {"text", "x"}})["code"], -32005);
  EXPECT_EQ(rpc.result("cancel", {{"id", load}})["success"], false);
}

TEST(RpcServer, calls_of_one_model_keep_their_order_and_wait_for_no_other_model) {
  RpcFixture rpc;
  const int load = rpc.call("load_model", {{"model_id", "mslow"}, {"local_path", "/"}});
  const int behind = rpc.call("tokenize", {{"model_id", "mslow"}, {"text", "x"}});
  const int metrics = rpc.call("get_batcher_health", {{"model_id", "mslow"}});
  EXPECT_EQ(rpc.result("tokenize", {{"model_id", "m"}, {"text", "a"}})["tokens"], Json::array({97}));
  rpc.host().release();
  EXPECT_EQ(rpc.reply(load)["result"]["state"], "ready");
  EXPECT_EQ(rpc.reply(behind)["result"]["token_strings"], Json::array({"x"}));
  EXPECT_EQ(rpc.reply(metrics)["result"]["healthy"], true);
}

TEST(RpcServer, an_id_in_use_is_refused_without_that_id) {
  RpcFixture rpc;
  const int load = rpc.call("load_model", {{"model_id", "mslow"}, {"local_path", "/"}});
  rpc.send(to_text({{"jsonrpc", "2.0"}, {"method", "runtime/info"}, {"id", load}}));
  const Json refused = rpc.reply(nullptr);
  EXPECT_EQ(refused["error"]["code"], -32600);
  EXPECT_EQ(refused["error"]["data"]["id"], load);
  rpc.host().release();
  EXPECT_TRUE(rpc.reply(load).contains("result"));
}

TEST(RpcServer, pending_requests_and_streams_are_bounded) {
  config::RuntimeSettings settings;
  settings.pending_max = 2;
  settings.streams_max = 1;
  RpcFixture rpc(settings);
  rpc.result("generate", generate_params("wait", "s"));  // no longer pending: its stream is
  EXPECT_EQ(rpc.error("generate", generate_params("abc", "t"))["code"], -32000);
  rpc.call("load_model", {{"model_id", "mslow"}, {"local_path", "/"}});
  rpc.call("tokenize", {{"model_id", "mslow"}, {"text", "x"}});
  EXPECT_EQ(rpc.error("tokenize", {{"model_id", "m"}, {"text", "x"}})["message"],
            "too many pending requests (2, max 2); wait for replies");
  EXPECT_EQ(rpc.result("cancel", {{"stream_id", "s"}})["success"], true) << "what makes room is always let in";
}

TEST(RpcServer, a_stream_with_credit_sends_no_more_than_was_acknowledged) {
  RpcFixture rpc;
  Json params = generate_params("abc", "s", 10);
  params["credit"] = 4;
  rpc.result("generate", params);
  rpc.result("runtime/info", Json::object());
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(notifications(rpc, "s").size(), 4U);
  rpc.notify("stream.ack", {{"stream_id", "s"}, {"count", 6}});
  rpc.end_of("s");
  EXPECT_EQ(notifications(rpc, "s").size(), 12U);
}

TEST(RpcServer, what_the_engine_throws_is_one_error_that_tells_nothing) {
  RpcFixture rpc;
  const Json error = rpc.error("generate", generate_params("throw", "s"));
  EXPECT_EQ(error["code"], -32099);
  EXPECT_EQ(error["message"], "An unexpected internal error occurred");
  EXPECT_TRUE(rpc.result("generate", generate_params("abc", "s")).contains("started_at")) << "its stream id is free";
}

TEST(RpcServer, shutdown_cancels_streams_and_is_the_last_to_be_answered) {
  RpcFixture rpc;
  rpc.call("generate", generate_params("wait", "s"));
  const int tokenize = rpc.call("tokenize", {{"model_id", "m"}, {"text", "x"}});
  rpc.send(R"({"jsonrpc":"2.0","method":"shutdown","id":"shutdown"})");
  EXPECT_TRUE(rpc.join());
  EXPECT_EQ(rpc.end_of("s")["finish_reason"], "cancelled");
  EXPECT_TRUE(rpc.reply(tokenize).contains("result"));
  EXPECT_EQ(to_text(rpc.lines().back()), R"({"jsonrpc":"2.0","id":"shutdown","result":{"success":true}})");
}

TEST(RpcServer, shutdown_lets_requests_finish_within_its_time) {
  RpcFixture rpc;
  rpc.call("generate", generate_params("abc", "s", 2000));
  rpc.call("shutdown", {{"timeout_ms", 20000}});
  EXPECT_EQ(rpc.error("tokenize", {{"model_id", "m"}, {"text", "x"}})["message"], "the runtime is shutting down");
  EXPECT_TRUE(rpc.join());
  EXPECT_EQ(rpc.end_of("s")["finish_reason"], "length");
}

TEST(RpcServer, a_load_that_cannot_be_ended_does_not_hold_the_end_up) {
  RpcFixture rpc;
  const int load = rpc.call("load_model", {{"model_id", "mslow"}, {"local_path", "/"}});
  const int end = rpc.call("shutdown", Json::object());
  EXPECT_FALSE(rpc.join()) << "the process must not wait for it";
  EXPECT_EQ(rpc.reply(load)["error"]["code"], -32800);
  EXPECT_EQ(rpc.reply(end)["result"]["success"], true);
}

TEST(RpcMethods, the_table_is_the_contracts_and_each_row_names_messages_of_the_schema) {
  std::set<std::string> names;
  for (const Method& method : methods()) {
    names.insert(method.name);
    EXPECT_NE(schema::find_message(method.params), nullptr) << method.name;
    EXPECT_TRUE(method.result == nullptr || schema::find_message(method.result) != nullptr) << method.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{"runtime/info",
                                          "runtime/state",
                                          "runtime/telemetry",
                                          "shutdown",
                                          "load_model",
                                          "unload_model",
                                          "generate",
                                          "batch_generate",
                                          "batch_generate_parallel",
                                          "continuous_generate",
                                          "get_batcher_metrics",
                                          "get_batcher_health",
                                          "get_week4_metrics",
                                          "tokenize",
                                          "check_draft",
                                          "batch_tokenize",
                                          "batch_check_draft",
                                          "load_vision_model",
                                          "generate_with_image",
                                          "cancel",
                                          "stream.ack"}));
}

TEST(RpcMethods, results_are_what_the_schema_says) {
  config::RuntimeSettings settings;
  settings.telemetry = true;
  RpcFixture rpc(settings);
  rpc.result("generate", generate_params("abc", "s"));
  rpc.end_of("s");
  EXPECT_EQ(rpc.result("runtime/state", Json::object())["loaded_models"][0]["type"], "text");
  EXPECT_EQ(rpc.result("load_model", {{"model_id", "m2"}, {"local_path", "/"}})["dtype"], "unknown");
  EXPECT_EQ(rpc.result("unload_model", {{"model_id", "m2"}})["success"], true);
  EXPECT_EQ(rpc.result("unload_model", {{"model_id", "m2"}})["success"], true) << "also when it is not there";
  rpc.result("tokenize", {{"model_id", "m"}, {"text", "abc"}});
  EXPECT_EQ(rpc.result("batch_tokenize", {{"requests", {{{"model_id", "m"}, {"text", "a"}}, 7}}})["results"].size(),
            2U);
  const Json draft = rpc.result("check_draft", {{"primary_id", "m"}, {"draft_id", "m"}});
  EXPECT_EQ(draft["details"]["performance_estimate"]["size_ratio"], "100.0%");
  rpc.result("batch_check_draft", {{"requests", {{{"primary_id", "m"}, {"draft_id", "none"}}}}});
  for (const char* method : {"get_batcher_metrics", "get_batcher_health", "get_week4_metrics"}) {
    EXPECT_FALSE(rpc.result(method, {{"model_id", "m"}}).is_null()) << method;
    EXPECT_EQ(rpc.error(method, {{"model_id", "none"}})["message"], "Model not loaded: none");
  }
  const Json told = rpc.result("runtime/telemetry", Json::object());
  EXPECT_EQ(told["generation"]["total_tokens"], 3);
  EXPECT_EQ(told["tokenization"]["calls"], 1);
  EXPECT_EQ(rpc.result("continuous_generate", generate_params("abc", "c")), nullptr);
}

TEST(RpcMethods, what_this_version_cannot_do_is_refused_with_a_reason) {
  RpcFixture rpc;
  EXPECT_EQ(rpc.error("load_vision_model", {{"model_id", "m"}})["code"], -32001);
  const Json image = {{"model_id", "m"}, {"prompt", "x"}, {"image", "aGk="}};
  EXPECT_EQ(rpc.error("generate_with_image", image)["code"], -32002);
  Json guided = generate_params("abc", "s");
  guided["guidance"] = {{"mode", "json_schema"}, {"schema", {{"type", "object"}}}};
  EXPECT_EQ(rpc.error("generate", guided)["code"], -32004) << "these engines have no constraints";
  guided["guidance"] = {{"mode", "yaml"}, {"schema", "x"}};
  EXPECT_TRUE(rpc.error("generate", guided)["message"].get<std::string>().starts_with(
      "Guidance error for m: Unsupported guidance mode: yaml"));
  guided["guidance"] = {{"mode", "regex"}, {"schema", std::string(40'000, 'x')}};
  EXPECT_EQ(rpc.error("generate", guided)["message"],
            "Guidance error for m: Schema too large (40002 bytes, max 32768)");
}

TEST(RpcMethods, a_model_is_found_by_directory_or_refused_with_the_reason) {
  config::RuntimeSettings settings;
  settings.trusted_model_directories = std::vector<std::string>{"/usr"};
  RpcFixture rpc(settings);
  const auto reason = [&](const Json& params) { return rpc.error("load_model", params)["message"].get<std::string>(); };
  EXPECT_EQ(reason({{"model_id", "a"}, {"local_path", "/nowhere"}}),
            "Failed to load model a: Local path does not exist: /nowhere");
  EXPECT_EQ(reason({{"model_id", "a"}, {"local_path", "relative"}}),
            "Failed to load model a: Path must be absolute: relative");
  EXPECT_EQ(reason({{"model_id", "a"}, {"local_path", "/etc/passwd"}}),
            "Failed to load model a: Local path is not a directory: /etc/passwd");
  EXPECT_EQ(reason({{"model_id", "a"}, {"local_path", "/etc"}}),
            "Failed to load model a: Path traversal detected: /etc is not within trusted directories: [/usr]");
  EXPECT_EQ(reason({{"model_id", "a"}, {"local_path", "/usr/../etc"}}),
            "Path contains potentially unsafe sequences (.. or ~): /usr/../etc");
  EXPECT_TRUE(reason({{"model_id", "org/none"}}).starts_with("Failed to load model org/none: Model path not found"));
  EXPECT_TRUE(rpc.result("load_model", {{"model_id", "m3"}, {"local_path", "/usr/lib"}}).contains("state"));
}

}  // namespace
}  // namespace mlxserving::api
