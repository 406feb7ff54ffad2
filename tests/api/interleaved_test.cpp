// Ten thousand requests at once, cancelled at random, on a real engine.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "api/rpc_fixture.h"
#include "mlxserving/host.h"
#include "support/tiny_model.h"

namespace mlxserving::api {
namespace {

using test::RpcFixture;

constexpr int kRequests = 10'000;
constexpr uint32_t kSeed = 20'261'128;

class Traffic {
 public:
  explicit Traffic(RpcFixture& rpc) : rpc_(rpc), random_(kSeed) {}

  void send_all() {
    for (int i = 0; i < kRequests; ++i) send_one();
  }

  // As the client sees it: one reply an id; of each stream that began one end, and nothing after it.
  void check(const std::vector<Json>& lines) const {
    std::map<Json, int> replies;
    std::map<std::string, int> ends;
    std::set<std::string> began;
    for (const Json& line : lines) {
      if (line.contains("id")) {
        ++replies[line["id"]];
        if (line.contains("result") && line["result"].is_object() && line["result"].contains("started_at")) {
          began.insert(line["result"]["stream_id"].get<std::string>());
        }
        continue;
      }
      const auto stream = line["params"]["stream_id"].get<std::string>();
      EXPECT_TRUE(began.contains(stream)) << stream << " is told before its reply";
      EXPECT_EQ(ends[stream], 0) << stream << " is told after its end";
      if (line["method"] == "stream.event") ++ends[stream];
    }
    EXPECT_EQ(replies.size(), static_cast<size_t>(kRequests));
    for (const auto& [id, count] : replies) EXPECT_EQ(count, 1) << id;
    for (const std::string& stream : began) EXPECT_EQ(ends[stream], 1) << stream;
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<uint32_t>(below)); }

  void send_one() {
    switch (pick(10)) {
      case 0: rpc_.call("runtime/state", Json::object()); break;
      case 1:
        rpc_.call("tokenize", {{"model_id", "tiny"}, {"text", std::string(static_cast<size_t>(pick(50)), 'x')}});
        break;
      case 2: rpc_.call("check_draft", {{"primary_id", "tiny"}, {"draft_id", pick(2) == 0 ? "tiny" : "none"}}); break;
      case 3: rpc_.call("get_batcher_metrics", {{"model_id", "tiny"}}); break;
      case 4: rpc_.call("cancel", {{"id", pick(last_ + 1)}}); break;
      default: generate(); break;
    }
    ++last_;
    if (pick(4) == 0) rpc_.notify("cancel", {{"id", last_ - pick(5)}});
    if (pick(3) == 0) rpc_.notify("cancel", {{"stream_id", "s" + std::to_string(last_ - pick(40))}});
  }

  void generate() {
    rpc_.call("generate", {{"model_id", "tiny"},
                           {"prompt", "Hello"},
                           {"max_tokens", 1 + pick(6)},
                           {"ignore_eos", true},
                           {"stream_id", "s" + std::to_string(last_ + 1)}});
  }

  RpcFixture& rpc_;
  std::mt19937 random_;
  int last_ = 0;
};

TEST(Interleaved, every_id_is_answered_once_and_every_stream_ended_once) {
  const mlxserving::test::TinyModel model;
  const auto host = Host::create({});
  EngineOptions options;
  options.threads = 1;
  ASSERT_TRUE(host->load("tiny", model.dir(), options));
  RpcFixture rpc({}, host.get());
  Traffic traffic(rpc);
  traffic.send_all();
  rpc.wait_for_replies(kRequests);
  rpc.send(R"({"jsonrpc":"2.0","method":"shutdown","params":{"timeout_ms":60000}})");
  EXPECT_TRUE(rpc.join());
  traffic.check(rpc.lines());
}

}  // namespace
}  // namespace mlxserving::api
