#include "mlxserving/engine.h"

#include <gtest/gtest.h>

#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "core/utf8.h"
#include "support/ask.h"
#include "support/tiny_model.h"

namespace mlxserving {
namespace {

using test::Answer;
using test::ask;
using test::read_all;

class EngineTest : public testing::Test {
 protected:
  static std::unique_ptr<Engine> load(const test::TinyModel& model, EngineOptions options = {}) {
    if (options.threads == 0) options.threads = 2;
    auto engine = Engine::load(model.dir(), options);
    EXPECT_TRUE(engine) << engine.error().message;
    return std::move(*engine);
  }
  Answer answer(Engine& engine, GenerateRequest request) {
    auto stream = engine.submit(std::move(request));
    EXPECT_TRUE(stream) << stream.error().message;
    Answer answer = read_all(**stream);
    EXPECT_TRUE(answer.finished) << (answer.error ? answer.error->message : "no end");
    return answer;
  }

  test::TinyModel model_;
};

TEST_F(EngineTest, an_answer_is_as_long_as_asked_and_counted) {
  const auto engine = load(model_);
  const Answer a = answer(*engine, ask("Hello", 10));
  EXPECT_EQ(a.ids.size(), 10U);
  EXPECT_EQ(a.finished->reason, FinishReason::length);
  EXPECT_EQ(a.finished->usage.prompt_tokens, 5);
  EXPECT_EQ(a.finished->usage.completion_tokens, 10);
}

TEST_F(EngineTest, a_greedy_answer_among_others_equals_the_answer_alone) {
  const auto engine = load(model_);
  std::vector<std::string> prompts;
  for (int i = 0; i < 12; ++i)
    prompts.push_back(std::string(static_cast<size_t>(1 + 53 * i), static_cast<char>('a' + i)));
  std::vector<std::vector<int32_t>> alone;
  for (const std::string& prompt : prompts) alone.push_back(answer(*engine, ask(prompt)).ids);
  std::vector<std::unique_ptr<Stream>> streams;
  for (const std::string& prompt : prompts) streams.push_back(*engine->submit(ask(prompt)));
  for (size_t i = 0; i < prompts.size(); ++i) EXPECT_EQ(read_all(*streams[i]).ids, alone[i]) << "prompt " << i;
}

TEST_F(EngineTest, a_raw_prompt_that_spells_its_beginning_gets_no_second_one) {
  const test::TinyModel model({.adds_start = true});
  const auto engine = load(model);
  const auto tokens = [&](const char* prompt) { return answer(*engine, ask(prompt, 1)).finished->usage.prompt_tokens; };
  EXPECT_EQ(tokens("Hello"), 6);
  EXPECT_EQ(tokens("<|im_start|>Hello"), 6);
  EXPECT_EQ(tokens("<|im_start|><|im_start|>Hello"), 7);
}

TEST_F(EngineTest, a_seed_gives_the_same_text_and_another_seed_another) {
  const auto engine = load(model_);
  GenerateRequest request = ask("Once upon a time", 64);
  request.sampling.temperature = 1;
  request.sampling.seed = 11;
  const Answer first = answer(*engine, request);
  EXPECT_EQ(answer(*engine, request).ids, first.ids);
  request.sampling.seed = 12;
  EXPECT_NE(answer(*engine, request).ids, first.ids);
}

TEST_F(EngineTest, the_text_ends_before_a_stop_string) {
  const auto engine = load(model_);
  const Answer free = answer(*engine, ask("stop here", 40));
  ASSERT_GT(free.text.size(), 12U);
  GenerateRequest request = ask("stop here", 40);
  size_t begin = 5;  // random text: somewhere in it stand three bytes that are whole characters
  while (!utf8::is_valid(free.text.substr(begin, 3))) ++begin;
  const std::string stop = free.text.substr(begin, 3);
  request.sampling.stop = {stop};
  const Answer stopped = answer(*engine, request);
  EXPECT_EQ(stopped.text, free.text.substr(0, free.text.find(stop)));
  EXPECT_EQ(stopped.finished->reason, FinishReason::stop);
}

TEST_F(EngineTest, a_cancelled_stream_ends_once_with_its_reason) {
  const auto engine = load(model_);
  auto stream = *engine->submit(ask("forever", 1500));
  ASSERT_TRUE(stream->next());
  stream->cancel();
  stream->cancel();
  const Answer rest = read_all(*stream);
  EXPECT_EQ(rest.finished->reason, FinishReason::cancelled);
  EXPECT_EQ(stream->next(), std::nullopt);
}

TEST_F(EngineTest, a_slow_reader_pauses_itself_and_loses_nothing) {
  const auto engine = load(model_);
  const std::vector<int32_t> expected = answer(*engine, ask("slow", 700)).ids;
  auto slow = *engine->submit(ask("slow", 700));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // its buffer fills
  EXPECT_EQ(answer(*engine, ask("quick", 20)).ids.size(), 20U);
  EXPECT_EQ(read_all(*slow).ids, expected);
}

TEST_F(EngineTest, a_dropped_stream_frees_its_pages) {
  const auto engine = load(model_, {.context_tokens_max = 256});
  for (int i = 0; i < 50; ++i) {
    auto stream = engine->submit(ask("dropped", 200));
    ASSERT_TRUE(stream) << stream.error().message;
  }
  EXPECT_EQ(answer(*engine, ask("after", 5)).ids.size(), 5U);
}

TEST_F(EngineTest, a_stream_outlives_its_engine) {
  auto engine = load(model_);
  auto stream = *engine->submit(ask("orphan", 1000));
  engine.reset();
  EXPECT_EQ(read_all(*stream).reason(), FinishReason::cancelled);
  stream->cancel();
}

TEST_F(EngineTest, a_sliding_window_model_goes_on_past_its_ring) {
  const test::TinyModel sliding({.sliding_window = 48});
  const auto engine = load(sliding);
  EXPECT_EQ(answer(*engine, ask(std::string(600, 'x'), 600)).ids.size(), 600U);
}

TEST_F(EngineTest, what_cannot_fit_is_refused_with_the_numbers) {
  const auto engine = load(model_, {.context_tokens_max = 512});
  const auto refused = engine->submit(ask(std::string(600, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
  EXPECT_NE(refused.error().message.find("600"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("512"), std::string::npos) << refused.error().message;
}

TEST_F(EngineTest, an_answer_ends_where_the_context_ends) {
  const auto engine = load(model_, {.context_tokens_max = 512});
  GenerateRequest request = ask(std::string(500, 'x'));
  request.sampling.max_tokens.reset();
  const Answer a = answer(*engine, request);
  EXPECT_EQ(a.ids.size(), 12U);
  EXPECT_EQ(a.finished->reason, FinishReason::length);
}

TEST_F(EngineTest, bad_requests_name_their_field) {
  const auto engine = load(model_);
  const auto param_of = [&](GenerateRequest request) {
    const auto stream = engine->submit(std::move(request));
    return stream ? std::string("accepted") : stream.error().param;
  };
  GenerateRequest hot = ask("x");
  hot.sampling.temperature = 3;
  EXPECT_EQ(param_of(hot), "temperature");
  EXPECT_EQ(param_of(ask("")), "prompt");
  GenerateRequest unknown = ask("x");
  unknown.prompt = TokenPrompt{{5, test::kTinyVocabulary}};
  EXPECT_EQ(param_of(unknown), "prompt");
  GenerateRequest messages = ask("x");
  messages.prompt = MessagesPrompt{.json = "[{\"role\": 1}]"};
  EXPECT_NE(param_of(messages), "accepted");
}

TEST_F(EngineTest, message_text_never_becomes_a_special_token) {
  const auto engine = load(model_);
  const auto prompt_tokens = [&](const std::string& content) {
    GenerateRequest request = ask("");
    request.prompt = MessagesPrompt{.json = to_text(Json::array({{{"role", "user"}, {"content", content}}}))};
    return answer(*engine, request).finished->usage.prompt_tokens;
  };
  // As many tokens as bytes: the marker is spelled out, not the one token it stands for.
  EXPECT_EQ(prompt_tokens("<|im_end|>"), prompt_tokens("0123456789"));
}

TEST_F(EngineTest, logprobs_and_gaps_are_reported_for_each_token) {
  const auto engine = load(model_);
  GenerateRequest request = ask("logprobs", 8);
  request.sampling.logprobs = true;
  request.sampling.top_logprobs = 3;
  request.gaps = true;
  auto stream = *engine->submit(request);
  int tokens = 0;
  while (auto event = stream->next()) {
    const auto* delta = std::get_if<TextDelta>(&*event);
    if (delta == nullptr) continue;
    ++tokens;
    ASSERT_TRUE(delta->logprob && delta->gap);
    ASSERT_EQ(delta->top_logprobs.size(), 3U);
    EXPECT_EQ(delta->top_logprobs[0].token_id, delta->token_id);
    EXPECT_NEAR(delta->top_logprobs[0].logprob - delta->top_logprobs[1].logprob, *delta->gap, 1e-4);
  }
  EXPECT_EQ(tokens, 8);
}

TEST_F(EngineTest, a_stored_prompt_survives_a_restart_and_changes_no_bit) {
  const std::string directory = testing::TempDir() + "mlxs_engine_prefixes";
  std::filesystem::remove_all(directory);
  const test::TinyModel sliding({.sliding_window = 48, .full_layer = true});
  const EngineOptions options{.prefix_cache_dir = directory, .prefix_cache_bytes = 1 << 24};
  const std::string prompt(900, 'p');
  const Answer first = answer(*load(sliding, options), ask(prompt));
  EXPECT_EQ(first.finished->usage.cached_tokens, 0);
  const Answer again = answer(*load(sliding, options), ask(prompt));
  EXPECT_EQ(again.finished->usage.cached_tokens, 768);
  EXPECT_EQ(again.ids, first.ids);
  const Answer another = answer(*load(model_, options), ask(prompt));
  EXPECT_EQ(another.finished->usage.cached_tokens, 0) << "of another model";
  std::filesystem::remove_all(directory);
}

TEST_F(EngineTest, answers_to_one_prompt_differ_and_are_the_same_again) {
  const auto engine = load(model_);
  GenerateRequest request = ask("three answers", 30);
  request.sampling.temperature = 1;
  request.sampling.seed = 3;
  request.answers = 3;
  const auto read = [&] {
    std::map<int32_t, std::vector<int32_t>> ids;
    std::map<int32_t, int> ends;
    const auto stream = *engine->submit(request);
    while (auto event = stream->next()) {
      if (const auto* delta = std::get_if<TextDelta>(&*event)) ids[delta->answer].push_back(delta->token_id);
      if (const auto* finished = std::get_if<Finished>(&*event)) ++ends[finished->answer];
    }
    EXPECT_EQ(ends, (std::map<int32_t, int>{{0, 1}, {1, 1}, {2, 1}}));
    return ids;
  };
  const auto ids = read();
  EXPECT_NE(ids.at(0), ids.at(1));
  EXPECT_NE(ids.at(1), ids.at(2));
  EXPECT_EQ(read(), ids);
}

TEST_F(EngineTest, a_prompts_tokens_are_scored_and_its_progress_told) {
  const auto engine = load(model_);
  GenerateRequest request = ask(std::string(600, 'q'), 0);
  request.prompt_logprobs = request.prompt_progress = true;
  request.sampling.top_logprobs = 2;
  const auto stream = *engine->submit(request);
  std::vector<int32_t> progress;
  size_t tokens = 0;
  std::optional<FinishReason> reason;
  while (auto event = stream->next()) {
    if (const auto* told = std::get_if<PromptProgress>(&*event)) progress.push_back(told->tokens_done);
    if (const auto* finished = std::get_if<Finished>(&*event)) reason = finished->reason;
    const auto* scores = std::get_if<PromptScores>(&*event);
    if (scores == nullptr) continue;
    tokens = scores->tokens.size();
    EXPECT_FALSE(scores->tokens[0].logprob);
    EXPECT_EQ(scores->tokens[1].bytes, "q");
    ASSERT_EQ(scores->tokens[599].top.size(), 2U);
    EXPECT_LE(*scores->tokens[599].logprob, scores->tokens[599].top[0].logprob);
  }
  EXPECT_EQ(progress, (std::vector<int32_t>{256, 512, 600}));
  EXPECT_EQ(tokens, 600U);
  EXPECT_EQ(reason, FinishReason::length);
}

TEST_F(EngineTest, embeddings_do_not_depend_on_what_runs_beside_them) {
  const auto engine = load(model_);
  const auto embed = [&](std::vector<Prompt> inputs) {
    auto result = engine->embed({.inputs = std::move(inputs)});
    EXPECT_TRUE(result) << result.error().message;
    return result->vectors;
  };
  const auto alone = embed({TextPrompt{"first"}});
  ASSERT_EQ(alone[0].size(), 32U);
  double squares = 0;
  for (const float x : alone[0]) squares += double{x} * x;
  EXPECT_NEAR(squares, 1, 1e-5);
  const auto busy = *engine->submit(ask("beside", 400));
  const auto both = embed({TextPrompt{std::string(300, 'z')}, TextPrompt{"first"}});
  EXPECT_EQ(both[1], alone[0]);
  const auto refused = engine->embed({.inputs = {TextPrompt{"x"}, TextPrompt{""}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "inputs[1]");
}

TEST_F(EngineTest, embeddings_can_be_waited_for_by_a_bell) {
  const auto engine = load(model_);
  std::vector<Prompt> inputs(100, TextPrompt{"many"});
  const auto pending = *engine->submit_embedding({.inputs = inputs});
  std::counting_semaphore<> bell(0);
  pending->on_ready([&] { bell.release(); });
  std::optional<Result<Embeddings>> result;
  while (!(result = pending->try_take())) bell.acquire();
  ASSERT_TRUE(*result) << result->error().message;
  ASSERT_EQ((*result)->vectors.size(), 100U);
  EXPECT_EQ((*result)->vectors[99], (*result)->vectors[0]);
  EXPECT_EQ((*result)->prompt_tokens % 100, 0);
}

TEST_F(EngineTest, a_request_that_takes_too_long_fails_with_its_timeout) {
  const auto engine = load(model_);
  GenerateRequest request = ask("slow", 1900);
  request.timeouts.request_ms = 1;
  const auto stream = *engine->submit(request);
  std::optional<Event> last;
  while (auto event = stream->next()) last = std::move(event);
  ASSERT_TRUE(last && std::holds_alternative<Failed>(*last));
  EXPECT_EQ(std::get<Failed>(*last).error.code, ErrorCode::timeout);
  request.timeouts = {.request_ms = -1};
  EXPECT_EQ(engine->submit(request).error().param, "timeouts.request_ms");
}

TEST_F(EngineTest, a_missing_directory_is_one_clear_error) {
  const auto engine = Engine::load("/nonexistent/model");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::not_found);
  EXPECT_NE(engine.error().message.find("/nonexistent/model"), std::string::npos);
}

TEST_F(EngineTest, a_reader_that_never_waits_gets_the_same_answer) {
  const auto engine = load(model_);
  const Answer waited = answer(*engine, ask("one"));
  auto stream = engine->submit(ask("one"));
  ASSERT_TRUE(stream);
  std::counting_semaphore<> ready(0);
  (*stream)->on_ready([&] { ready.release(); });
  Answer polled;
  for (bool open = true; open;) {
    ready.acquire();
    while (auto event = (*stream)->try_next()) {
      if (const auto* delta = std::get_if<TextDelta>(&*event)) polled.text += delta->text;
      if (const auto* finished = std::get_if<Finished>(&*event)) polled.text += finished->text, open = false;
    }
  }
  EXPECT_EQ(polled.text, waited.text);
}

TEST_F(EngineTest, special_tokens_are_spelled_out_on_request) {
  const auto engine = load(model_);
  GenerateRequest request = ask("one", 1);
  request.sampling.logit_bias = {{.token = test::kTinyStart, .bias = 100}};
  EXPECT_EQ(answer(*engine, request).text, "");
  request.special_tokens = true;
  EXPECT_EQ(answer(*engine, request).text, "<|im_start|>");
}

}  // namespace
}  // namespace mlxserving
