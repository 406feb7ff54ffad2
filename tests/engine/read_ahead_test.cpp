#include "engine/read_ahead.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace mlxserving::engine {
namespace {

class ReadAhead : public testing::Test {
 protected:
  ReadAhead() { std::filesystem::create_directories(dir_); }
  ~ReadAhead() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, size_t bytes) const {
    std::ofstream(dir_ / name, std::ios::binary) << std::string(bytes, 'x');
  }
  std::vector<double> fractions() const {
    std::vector<double> out;
    read_ahead(dir_.string(), [&](double fraction) { out.push_back(fraction); });
    return out;
  }

  std::filesystem::path dir_ =
      std::filesystem::temp_directory_path() / ("mlxs-ahead-" + std::to_string(std::random_device{}()));
};

TEST_F(ReadAhead, progress_rises_to_one_over_all_shards) {
  write("model-1.safetensors", (40 << 20) + 123);
  write("model-2.safetensors", 5);
  write("tokenizer.json", 1 << 20);
  const std::vector<double> seen = fractions();
  EXPECT_GE(seen.size(), 4U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), 1);
}

TEST_F(ReadAhead, nothing_to_read_is_done_at_once) {
  write("empty.safetensors", 0);
  EXPECT_EQ(fractions(), std::vector<double>{1});
  std::vector<double> missing;
  read_ahead("/nonexistent/model", [&](double fraction) { missing.push_back(fraction); });
  EXPECT_EQ(missing, std::vector<double>{1});
}

}  // namespace
}  // namespace mlxserving::engine
