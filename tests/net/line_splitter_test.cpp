#include "net/line_splitter.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace mlxserving::net {
namespace {

struct Recorder final : LineReceiver {
  void on_line(std::string_view line) override { lines.emplace_back(line); }
  void on_overlong_part(std::string_view part) override { overlong += part; }
  void on_overlong_end(uint64_t line_bytes) override { overlong_bytes.push_back(line_bytes); }

  std::vector<std::string> lines;
  std::string overlong;
  std::vector<uint64_t> overlong_bytes;
};

using Lines = std::vector<std::string>;

TEST(LineSplitter, lines_come_whole_however_the_bytes_are_cut) {
  const std::string text = "one\r\n\n  \ntwo\nthree\n" + std::string(40, 'x') + "\nlast";
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Recorder recorder;
    LineSplitter splitter(40, recorder);
    for (size_t at = 0; at < text.size();) {
      const size_t count = 1 + random() % 9;
      splitter.feed(std::string_view(text).substr(at, count));
      at += count;
    }
    splitter.finish();
    EXPECT_EQ(recorder.lines, (Lines{"one", "two", "three", std::string(40, 'x'), "last"})) << "seed " << seed;
  }
}

TEST(LineSplitter, a_line_over_the_limit_is_told_once_and_the_next_is_read) {
  for (const size_t length : {size_t{9}, size_t{10}, size_t{11}, size_t{500}}) {
    for (const size_t cut : {size_t{1}, size_t{7}, size_t{1000}}) {
      Recorder recorder;
      LineSplitter splitter(10, recorder);
      const std::string text = std::string(length, 'y') + "\nnext\n";
      for (size_t at = 0; at < text.size(); at += cut) splitter.feed(std::string_view(text).substr(at, cut));
      const bool is_over = length > 10;
      EXPECT_EQ(recorder.overlong_bytes, is_over ? std::vector<uint64_t>{length} : std::vector<uint64_t>{});
      EXPECT_EQ(recorder.overlong, is_over ? std::string(length, 'y') : "");
      EXPECT_EQ(recorder.lines, is_over ? Lines{"next"} : (Lines{std::string(length, 'y'), "next"}));
    }
  }
}

}  // namespace
}  // namespace mlxserving::net
