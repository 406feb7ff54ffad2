// Requests that join and leave at random get the answers they get alone, on every architecture there is.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "core/json.h"
#include "mlxserving/engine.h"
#include "models/model.h"
#include "support/model_files.h"
#include "support/test_directory.h"

namespace mlxserving {
namespace {

constexpr int32_t kVocabulary = 48;  // of the tiny models

// One printable character a token, and the line end.
Json tokenizer() {
  Json vocab = Json::object();
  for (int32_t id = 0; id < kVocabulary - 1; ++id) vocab[std::string(1, static_cast<char>('0' + id))] = id;
  vocab["\xC4\x8A"] = kVocabulary - 1;
  const Json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  return {{"version", "1.0"},
          {"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byte_level},
          {"post_processor", nullptr},
          {"decoder", byte_level},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}};
}

std::vector<int32_t> ids_of(Stream& stream) {
  std::vector<int32_t> ids;
  while (auto event = stream.next()) {
    if (const auto* delta = std::get_if<TextDelta>(&*event)) ids.push_back(delta->token_id);
    if (const auto* failed = std::get_if<Failed>(&*event)) ADD_FAILURE() << failed->error.message;
  }
  return ids;
}

GenerateRequest random_request(std::mt19937& random) {
  std::vector<int32_t> ids(1 + random() % 300);
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % kVocabulary);
  GenerateRequest request{.prompt = TokenPrompt{ids}, .priority = static_cast<Priority>(random() % 3)};
  request.sampling.temperature = random() % 2 == 0 ? 0 : 1;
  request.sampling.seed = static_cast<int64_t>(random());
  request.sampling.max_tokens = 1 + static_cast<int32_t>(random() % 60);
  return request;
}

class EveryArchitecture : public ::testing::TestWithParam<std::string_view> {
 protected:
  std::string directory() const {
    const std::string directory = mlxserving::test::model_files(std::string(GetParam())).write(test::test_directory());
    std::ofstream(directory + "/tokenizer.json") << to_text(tokenizer());
    return directory;
  }
};

TEST_P(EveryArchitecture, who_joins_and_leaves_changes_no_answer) {
  const std::string model = directory();
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::vector<GenerateRequest> requests(16);
  for (GenerateRequest& request : requests) request = random_request(random);
  std::vector<std::vector<int32_t>> alone;
  {
    const auto engine = Engine::load(model, {.threads = 1, .prefix_cache = false});
    ASSERT_TRUE(engine) << engine.error().message;
    for (const GenerateRequest& request : requests) alone.push_back(ids_of(**(*engine)->submit(request)));
  }
  const auto engine = Engine::load(model, {.threads = 2, .context_tokens_max = 384});
  ASSERT_TRUE(engine) << engine.error().message;
  for (int round = 0; round < 2; ++round) {  // the second finds its prompts in the cache
    std::vector<std::unique_ptr<Stream>> streams;
    std::vector<std::unique_ptr<Stream>> others;
    for (const GenerateRequest& request : requests) {
      streams.push_back(*(*engine)->submit(request));
      others.push_back(*(*engine)->submit(random_request(random)));
      if (random() % 2 == 0) others[random() % others.size()]->cancel();
      if (random() % 3 == 0) others[random() % others.size()]->next();
    }
    for (size_t i = 0; i < streams.size(); ++i) EXPECT_EQ(ids_of(*streams[i]), alone[i]) << "request " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, EveryArchitecture, ::testing::ValuesIn(models::architectures()),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mlxserving
