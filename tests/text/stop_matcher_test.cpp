#include "text/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

#include "core/utf8.h"
#include "mlxserving/request.h"

namespace mlxserving::text {
namespace {

using Strings = std::vector<std::string>;

StopMatcher matcher(const Strings& stops, bool include_stop = false) {
  return std::move(StopMatcher::create(stops, {.include_stop = include_stop})).value();
}

struct Answer {
  std::string text;
  bool stopped = false;
};

// What every stop's std::string::find says: the stop that ends first, then the longest.
Answer expected(const std::string& text, const Strings& stops, bool include_stop) {
  size_t best_end = std::string::npos;
  size_t best_start = 0;
  for (const std::string& stop : stops) {
    const size_t start = text.find(stop);
    if (start == std::string::npos) continue;
    const size_t end = start + stop.size();
    if (end < best_end || (end == best_end && start < best_start)) {
      best_end = end;
      best_start = start;
    }
  }
  if (best_end == std::string::npos) return {text, false};
  return {text.substr(0, include_stop ? best_end : best_start), true};
}

Answer in_pieces(StopMatcher& m, const std::string& text, const std::vector<size_t>& cuts) {
  Answer answer;
  size_t from = 0;
  for (const size_t to : cuts) {
    const StopMatcher::Step step = m.feed(std::string_view(text).substr(from, to - from));
    answer.text += step.text;
    answer.stopped = step.stopped;
    EXPECT_EQ(step.stopped ? 0U : utf8::incomplete_tail(step.text), 0U);
    from = to;
  }
  if (!answer.stopped) answer.text += m.flush();
  return answer;
}

TEST(StopMatcher, holds_back_only_what_may_become_a_stop) {
  StopMatcher m = matcher({"</end>"});
  EXPECT_EQ(m.feed("abc").text, "abc");
  EXPECT_EQ(m.feed("d</e").text, "d");
  EXPECT_EQ(m.held_bytes(), 3U);
  EXPECT_EQ(m.feed("x").text, "</ex");
  EXPECT_EQ(m.feed("</en").text, "");
  const StopMatcher::Step step = m.feed("d>tail");
  EXPECT_EQ(step.text, "");
  EXPECT_TRUE(step.stopped);
  EXPECT_EQ(m.feed("more").text, "");
  EXPECT_TRUE(m.feed("more").stopped);
}

TEST(StopMatcher, first_complete_wins_then_the_longest) {
  EXPECT_EQ(matcher({"abcd", "bc"}).feed("xabcd").text, "xa");
  StopMatcher m = matcher({"c", "abc", "bc"});
  const StopMatcher::Step step = m.feed("xabcd");
  EXPECT_EQ(step.text, "x");
  EXPECT_EQ(step.stop_index, 1U);
}

TEST(StopMatcher, includes_the_stop_when_asked) {
  EXPECT_EQ(matcher({"END"}, true).feed("one END two").text, "one END");
}

TEST(StopMatcher, a_code_point_cut_in_two_waits_for_its_rest) {
  StopMatcher m = matcher({});
  EXPECT_EQ(m.feed("a\xE2\x82").text, "a");
  EXPECT_EQ(m.feed("\xAC").text, "\xE2\x82\xAC");
  EXPECT_EQ(m.feed("\xF0\x9F").text, "");
  EXPECT_EQ(m.flush(), "\xF0\x9F");
  StopMatcher same_lead = matcher({"\xE2\x82\xAC"});
  EXPECT_EQ(same_lead.feed("\xE2\x82\xAD").text, "\xE2\x82\xAD");
}

TEST(StopMatcher, flush_gives_the_held_text_and_starts_again) {
  StopMatcher m = matcher({"stop"});
  EXPECT_EQ(m.feed("sto").text, "");
  EXPECT_EQ(m.flush(), "sto");
  EXPECT_EQ(m.feed("p").text, "p");
}

TEST(StopMatcher, limits_hold_one_below_at_and_one_above) {
  for (const size_t count : {kStopStringsMax - 1, kStopStringsMax, kStopStringsMax + 1}) {
    EXPECT_EQ(StopMatcher::create(Strings(count, "x"), {}).ok(), count <= kStopStringsMax);
  }
  for (const size_t bytes : {size_t{0}, size_t{1}, kStopBytesMax - 1, kStopBytesMax, kStopBytesMax + 1}) {
    const Result<StopMatcher> made = StopMatcher::create(Strings{std::string(bytes, 'x')}, {});
    EXPECT_EQ(made.ok(), bytes > 0 && bytes <= kStopBytesMax);
    EXPECT_EQ(made.ok() ? "stop[0]" : made.error().param, "stop[0]");
  }
  EXPECT_FALSE(StopMatcher::create(Strings{"\x82"}, {}).ok());
}

TEST(StopMatcher, equals_find_however_the_text_is_cut) {
  std::mt19937 random(7);
  const Strings letters = {"a", "b", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  const auto word = [&](size_t length_max) {
    std::string out;
    for (size_t n = 1 + random() % length_max; n > 0; --n) out += letters[random() % letters.size()];
    return out;
  };
  for (int round = 0; round < 20000; ++round) {
    Strings stops(random() % 5);
    for (std::string& stop : stops) stop = word(5);
    const std::string text = word(30);
    const bool include_stop = random() % 2 == 0;
    std::vector<size_t> cuts;
    for (size_t at = 0; at < text.size(); cuts.push_back(at)) at = std::min(text.size(), at + 1 + random() % 6);
    StopMatcher m = matcher(stops, include_stop);
    const Answer streamed = in_pieces(m, text, cuts);
    const Answer whole = expected(text, stops, include_stop);
    ASSERT_EQ(streamed.text, whole.text) << "round " << round << " of seed 7";
    ASSERT_EQ(streamed.stopped, whole.stopped);
  }
}

TEST(StopMatcher, long_runs_of_near_matches_stay_linear) {
  StopMatcher m = matcher({std::string(kStopBytesMax - 1, 'a') + "b"});
  size_t bytes = 0;
  const std::string piece(1000, 'a');
  for (int i = 0; i < 1000; ++i) bytes += m.feed(piece).text.size();
  EXPECT_EQ(bytes, 1000U * 1000U - (kStopBytesMax - 1));
}

}  // namespace
}  // namespace mlxserving::text
