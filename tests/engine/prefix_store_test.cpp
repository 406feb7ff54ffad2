#include "engine/prefix_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

namespace mlxserving::engine {
namespace {

std::vector<int32_t> tokens(int32_t count, int32_t seed = 0) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), seed);
  return ids;
}

class PrefixStoreTest : public testing::Test {
 protected:
  PrefixStoreTest() { std::filesystem::create_directories(store_.directory); }
  ~PrefixStoreTest() override { std::filesystem::remove_all(store_.directory); }
  PrefixChunk chunk(const std::vector<int32_t>& prompt) const {
    return prefix_chunks(prompt, store_.fingerprint).back();
  }
  std::string path(const PrefixChunk& chunk) const { return store_.directory + "/" + chunk.name; }
  PrefixIndex open(int64_t bytes_max) const {
    auto index =
        PrefixIndex::open({.directory = store_.directory, .bytes_max = bytes_max, .fingerprint = store_.fingerprint});
    EXPECT_TRUE(index) << index.error().message;
    return std::move(*index);
  }
  // As the tier and its worker do it.
  void save(PrefixIndex& index, const PrefixChunk& chunk) const {
    const auto deleted = index.add(chunk.name, prefix_file_bytes(pages_));
    ASSERT_TRUE(deleted);
    for (const std::string& name : *deleted) std::filesystem::remove(store_.directory + "/" + name);
    ASSERT_TRUE(write_prefix(store_, chunk, pages_));
  }

  PrefixStoreOptions store_ = {
      .directory = testing::TempDir() + "mlxs_prefixes_" + std::to_string(reinterpret_cast<uintptr_t>(this)),
      .bytes_max = 1 << 20,
      .fingerprint = "model"};
  const PrefixPages pages_ = {std::vector<uint8_t>(1000, 7), std::vector<uint8_t>(500, 9)};
};

TEST_F(PrefixStoreTest, pages_come_back_as_they_were_written) {
  ASSERT_TRUE(write_prefix(store_, chunk(tokens(512)), pages_));
  EXPECT_EQ(std::filesystem::file_size(path(chunk(tokens(512)))), static_cast<uint64_t>(prefix_file_bytes(pages_)));
  const auto pages = read_prefix(store_, chunk(tokens(512)));
  ASSERT_TRUE(pages) << pages.error().message;
  EXPECT_EQ(*pages, pages_);
}

TEST_F(PrefixStoreTest, a_chunk_is_named_by_all_that_comes_before_it) {
  std::vector<int32_t> other = tokens(512);
  other[0] = -1;
  EXPECT_EQ(chunk(tokens(700)).name, chunk(tokens(512)).name);
  EXPECT_NE(chunk(other).name, chunk(tokens(512)).name);
  EXPECT_NE(chunk(tokens(256)).name, chunk(tokens(512)).name);
  EXPECT_NE(prefix_chunks(tokens(512), "another").back().name, chunk(tokens(512)).name);
  EXPECT_TRUE(prefix_chunks(tokens(255), "model").empty());
}

TEST_F(PrefixStoreTest, another_models_pages_are_not_used) {
  const PrefixChunk of = chunk(tokens(256));
  ASSERT_TRUE(write_prefix(store_, of, pages_));
  const auto pages = read_prefix({.directory = store_.directory, .bytes_max = 1, .fingerprint = "another"}, of);
  ASSERT_FALSE(pages);
  EXPECT_NE(pages.error().message.find("another model"), std::string::npos) << pages.error().message;
}

TEST_F(PrefixStoreTest, another_texts_pages_are_not_used) {
  PrefixChunk of = chunk(tokens(256));
  ASSERT_TRUE(write_prefix(store_, of, pages_));
  of.tokens.back() = 7;
  const auto pages = read_prefix(store_, of);
  ASSERT_FALSE(pages);
  EXPECT_NE(pages.error().message.find("another text"), std::string::npos) << pages.error().message;
}

TEST_F(PrefixStoreTest, a_changed_byte_is_noticed) {
  const PrefixChunk of = chunk(tokens(256));
  ASSERT_TRUE(write_prefix(store_, of, pages_));
  std::fstream(path(of), std::ios::in | std::ios::out | std::ios::binary).seekp(-10, std::ios::end).put('x');
  const auto pages = read_prefix(store_, of);
  ASSERT_FALSE(pages);
  EXPECT_NE(pages.error().message.find("checksum"), std::string::npos) << pages.error().message;
}

TEST_F(PrefixStoreTest, a_cut_file_is_noticed) {
  const PrefixChunk of = chunk(tokens(256));
  ASSERT_TRUE(write_prefix(store_, of, pages_));
  std::filesystem::resize_file(path(of), std::filesystem::file_size(path(of)) - 1);
  EXPECT_FALSE(read_prefix(store_, of));
  std::filesystem::remove(path(of));
  EXPECT_EQ(read_prefix(store_, of).error().code, ErrorCode::not_found);
}

TEST_F(PrefixStoreTest, the_index_knows_the_files_after_a_restart) {
  PrefixIndex first = open(1 << 20);
  save(first, chunk(tokens(256)));
  PrefixIndex again = open(1 << 20);
  EXPECT_TRUE(again.has(chunk(tokens(256)).name));
  EXPECT_EQ(again.bytes(), prefix_file_bytes(pages_));
  EXPECT_EQ(open(100).file_count(), 0U) << "a smaller bound deletes";
  EXPECT_TRUE(std::filesystem::is_empty(store_.directory));
}

TEST_F(PrefixStoreTest, files_stay_within_their_bytes_and_the_oldest_go) {
  const int64_t each = prefix_file_bytes(pages_);
  PrefixIndex index = open(3 * each);
  const auto used = prefix_chunks(tokens(256, 0), "model");
  for (int32_t i = 0; i < 10; ++i) {
    save(index, chunk(tokens(256, i)));
    ASSERT_LE(index.bytes(), 3 * each);
    index.use(used);
    ASSERT_TRUE(index.has(used[0].name)) << "what is used stays";
  }
  EXPECT_TRUE(index.has(chunk(tokens(256, 9)).name));
  EXPECT_FALSE(index.has(chunk(tokens(256, 1)).name));
  EXPECT_FALSE(open(each - 1).add("large", each)) << "what can have no place";
}

TEST_F(PrefixStoreTest, the_end_of_a_prompt_goes_before_its_beginning) {
  const int64_t each = prefix_file_bytes(pages_);
  PrefixIndex index = open(2 * each);
  const auto chunks = prefix_chunks(tokens(512), "model");
  for (const PrefixChunk& chunk : chunks) save(index, chunk);
  index.use(chunks);
  save(index, chunk(tokens(256, 5)));
  EXPECT_TRUE(index.has(chunks[0].name));
  EXPECT_FALSE(index.has(chunks[1].name));
}

TEST_F(PrefixStoreTest, a_directory_that_cannot_be_is_an_error) {
  std::ofstream(store_.directory + "/file") << "a file";
  const auto index =
      PrefixIndex::open({.directory = store_.directory + "/file/below", .bytes_max = 1, .fingerprint = ""});
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace mlxserving::engine
