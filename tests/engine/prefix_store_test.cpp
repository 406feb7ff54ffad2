#include "engine/prefix_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

namespace mlxserving::engine {
namespace {

class PrefixStoreTest : public testing::Test {
 protected:
  ~PrefixStoreTest() override { std::filesystem::remove_all(directory_); }
  PrefixStore open(const std::string& fingerprint = "model", int64_t bytes_max = 1 << 20) const {
    auto store = PrefixStore::open({.directory = directory_, .bytes_max = bytes_max, .fingerprint = fingerprint});
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }
  static std::vector<int32_t> tokens(int32_t count, int32_t seed = 0) {
    std::vector<int32_t> ids(static_cast<size_t>(count));
    std::iota(ids.begin(), ids.end(), seed);
    return ids;
  }
  std::filesystem::path only_file() const { return std::filesystem::directory_iterator(directory_)->path(); }

  std::string directory_ = testing::TempDir() + "mlxs_prefixes_" + std::to_string(reinterpret_cast<uintptr_t>(this));
  PrefixStore::Chunk pages_ = {std::vector<uint8_t>(1000, 7), std::vector<uint8_t>(500, 9)};
};

TEST_F(PrefixStoreTest, pages_survive_a_restart) {
  ASSERT_TRUE(open().save(tokens(512), pages_));
  PrefixStore store = open();
  EXPECT_TRUE(store.has(tokens(512)));
  EXPECT_FALSE(store.has(tokens(256)));
  EXPECT_FALSE(store.has(tokens(512, 1)));
  const auto pages = store.load(tokens(512));
  ASSERT_TRUE(pages) << pages.error().message;
  EXPECT_EQ(*pages, pages_);
}

TEST_F(PrefixStoreTest, another_models_pages_are_not_used) {
  ASSERT_TRUE(open().save(tokens(256), pages_));
  EXPECT_FALSE(open("another").has(tokens(256)));
}

TEST_F(PrefixStoreTest, a_changed_byte_is_noticed_and_the_file_deleted) {
  ASSERT_TRUE(open().save(tokens(256), pages_));
  std::fstream(only_file(), std::ios::in | std::ios::out | std::ios::binary).seekp(-10, std::ios::end).put('x');
  PrefixStore store = open();
  const auto pages = store.load(tokens(256));
  ASSERT_FALSE(pages);
  EXPECT_NE(pages.error().message.find("checksum"), std::string::npos) << pages.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(PrefixStoreTest, a_cut_file_is_noticed) {
  ASSERT_TRUE(open().save(tokens(256), pages_));
  std::filesystem::resize_file(only_file(), std::filesystem::file_size(only_file()) - 1);
  EXPECT_FALSE(open().load(tokens(256)));
}

TEST_F(PrefixStoreTest, files_stay_within_their_bytes_and_the_oldest_go) {
  PrefixStore store = open("model", 10'000);  // three or four files
  for (int32_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(store.save(tokens(256, i), pages_));
    ASSERT_LE(store.bytes(), 10'000);
    ASSERT_TRUE(store.load(tokens(256, 0))) << "what is used stays";
  }
  EXPECT_TRUE(store.has(tokens(256, 9)));
  EXPECT_FALSE(store.has(tokens(256, 1)));
  EXPECT_LE(open("model", 4000).bytes(), 4000);
}

TEST_F(PrefixStoreTest, a_directory_that_cannot_be_is_an_error) {
  std::ofstream(directory_) << "a file";
  const auto store = PrefixStore::open({.directory = directory_ + "/below", .bytes_max = 1, .fingerprint = ""});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace mlxserving::engine
