#include <algorithm>
#include <utility>

#include "api/chat_format.h"
#include "api/http_error.h"

namespace mlxserving::api {
namespace {

// Completions' own shape of log-probabilities: parallel lists.
class LogprobLists {
 public:
  void add(const std::string& bytes, const Json& logprob, const std::vector<TokenLogprob>& top) {
    tokens_.push_back(bytes);
    logprobs_.push_back(logprob);
    offsets_.push_back(offset_);
    Json best = nullptr;
    if (!logprob.is_null()) {
      best = Json::object();
      for (const TokenLogprob& entry : top) best[entry.bytes] = entry.logprob;
    }
    top_.push_back(std::move(best));
    offset_ += static_cast<size_t>(std::ranges::count_if(bytes, [](char c) { return (c & 0xC0) != 0x80; }));
  }
  Json to_json() && {
    return {{"tokens", std::move(tokens_)},
            {"token_logprobs", std::move(logprobs_)},
            {"top_logprobs", std::move(top_)},
            {"text_offset", std::move(offsets_)}};
  }

 private:
  Json tokens_ = Json::array();
  Json logprobs_ = Json::array();
  Json top_ = Json::array();
  Json offsets_ = Json::array();
  size_t offset_ = 0;  // in characters
};

double mean_logprob(const Choice& choice) {
  double sum = 0;
  size_t count = 0;
  for (const TextDelta& token : choice.tokens) {
    if (!token.logprob) continue;
    sum += token.logprob->logprob;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

class CompletionFormat final : public Format {
 public:
  explicit CompletionFormat(CompletionFormatOptions options) : options_(std::move(options)) {}

  void begin(const AnswerSet& generation, std::string& out) override {
    head_ = {{"id", generation.id},
             {"object", "text_completion"},
             {"created", generation.created},
             {"model", generation.model},
             {"choices", Json::array()}};
    for (const Choice& choice : generation.choices) {
      const std::string* echo = echo_of(generation, choice);
      if (echo != nullptr) chunk(choice, *echo, echo_logprobs(generation, choice), nullptr, out);
    }
  }

  void parts(const AnswerSet&, const Choice& choice, const text::AnswerParts& parts, const TextDelta* token,
             std::string& out) override {
    std::string text;
    for (const text::AnswerPart& part : parts) text += part.text;
    Json logprobs = nullptr;
    if (options_.common.logprobs && token != nullptr && token->logprob) {
      LogprobLists lists;
      lists.add(token->logprob->bytes, token->logprob->logprob, token->top_logprobs);
      logprobs = std::move(lists).to_json();
    }
    chunk(choice, text, logprobs, nullptr, out);
  }

  void choice_end(const AnswerSet& generation, const Choice& choice, std::string& out) override {
    Json& event = chunk_of(choice, "", nullptr, finish_reason(choice));
    event["timings"] = timings_json(*choice.finished);
    if (!generation.effective.is_null()) event["effective"] = generation.effective;
    append_event(out, nullptr, event);
    event.erase("timings");
    event.erase("effective");
  }

  void end(const AnswerSet& generation, std::string& out) override {
    if (options_.common.include_usage) {
      head_["choices"] = Json::array();
      head_["usage"] = usage_json(generation.usage());
      append_event(out, nullptr, head_);
    }
    out += "data: [DONE]\n\n";
  }

  void failure(const Error& error, std::string& out) override { append_event(out, nullptr, error_body(error)); }
  net::HttpResponse error(const Error& error) const override { return error_response(error); }

  Json whole(AnswerSet& generation) override {
    const Usage usage = generation.usage();  // of all answers that were made, also those not returned
    Json choices = Json::array();
    int32_t index = 0;
    for (const Choice* choice : best(generation)) choices.push_back(choice_json(generation, *choice, index++));
    Json body = {{"id", generation.id},
                 {"object", "text_completion"},
                 {"created", generation.created},
                 {"model", generation.model},
                 {"choices", std::move(choices)},
                 {"usage", usage_json(usage)},
                 {"timings", timings_json(*generation.choices.front().finished)}};
    if (!generation.effective.is_null()) body["effective"] = std::move(generation.effective);
    return body;
  }

 private:
  const std::string* echo_of(const AnswerSet& generation, const Choice& choice) const {
    if (options_.echoes.empty()) return nullptr;
    return &options_.echoes[prompt_of(generation, choice)];
  }

  static size_t prompt_of(const AnswerSet& generation, const Choice& choice) {
    const size_t answers = generation.choices.size() / generation.prompts.size();
    return static_cast<size_t>(choice.index) / answers;
  }

  void add_prompt(const AnswerSet& generation, const Choice& choice, LogprobLists& lists) const {
    const auto& scores = generation.prompts[prompt_of(generation, choice)];
    if (options_.echoes.empty() || !scores) return;
    for (const auto& token : scores->tokens) {
      lists.add(token.bytes, token.logprob ? Json(*token.logprob) : Json(nullptr), token.top);
    }
  }

  Json echo_logprobs(const AnswerSet& generation, const Choice& choice) const {
    if (!options_.common.logprobs) return nullptr;
    LogprobLists lists;
    add_prompt(generation, choice, lists);
    return std::move(lists).to_json();
  }

  // Of each prompt's answers the n most likely a token, in the order of their making.
  std::vector<const Choice*> best(const AnswerSet& generation) const {
    std::vector<const Choice*> chosen;
    const auto made = static_cast<size_t>(options_.best_of);
    for (size_t begin = 0; begin < generation.choices.size(); begin += made) {
      std::vector<const Choice*> answers;
      for (size_t i = begin; i < begin + made; ++i) answers.push_back(&generation.choices[i]);
      if (options_.n < options_.best_of) {
        std::ranges::stable_sort(answers, std::ranges::greater(), [](const Choice* c) { return mean_logprob(*c); });
        answers.resize(static_cast<size_t>(options_.n));
      }
      chosen.insert(chosen.end(), answers.begin(), answers.end());
    }
    return chosen;
  }

  Json choice_json(const AnswerSet& generation, const Choice& choice, int32_t index) const {
    const std::string* echo = echo_of(generation, choice);
    Json logprobs = nullptr;
    if (options_.common.logprobs) {
      LogprobLists lists;
      add_prompt(generation, choice, lists);
      for (const TextDelta& token : choice.tokens) {
        if (token.logprob) lists.add(token.logprob->bytes, token.logprob->logprob, token.top_logprobs);
      }
      logprobs = std::move(lists).to_json();
    }
    return {{"index", index},
            {"text", (echo == nullptr ? "" : *echo) + choice.content},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", finish_reason(choice)}};
  }

  Json& chunk_of(const Choice& choice, const std::string& text, const Json& logprobs, const char* reason) {
    head_["choices"] = Json::array({{{"index", choice.index},
                                     {"text", text},
                                     {"logprobs", logprobs},
                                     {"finish_reason", reason == nullptr ? Json(nullptr) : Json(reason)}}});
    return head_;
  }

  void chunk(const Choice& choice, const std::string& text, const Json& logprobs, const char* reason,
             std::string& out) {
    append_event(out, nullptr, chunk_of(choice, text, logprobs, reason));
  }

  CompletionFormatOptions options_;
  Json head_;
};

}  // namespace

std::unique_ptr<Format> completion_format(CompletionFormatOptions options) {
  return std::make_unique<CompletionFormat>(std::move(options));
}

}  // namespace mlxserving::api
