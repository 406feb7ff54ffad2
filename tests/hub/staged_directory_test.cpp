#include "hub/staged_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace mlxserving::hub {
namespace {

namespace fs = std::filesystem;

class StagedDirectoryTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / "staged" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(root_);
    fs::create_directories(root_);
    target_ = root_ / "model";
  }
  void TearDown() override { fs::remove_all(root_); }
  static void put(const fs::path& file) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << "old";
  }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(root_), {})); }

  fs::path root_;
  fs::path target_;
};

TEST_F(StagedDirectoryTest, the_target_appears_at_commit_and_nothing_else_remains) {
  {
    auto staged = StagedDirectory::create(target_.string() + "/", false);
    ASSERT_TRUE(staged) << staged.error().message;
    ASSERT_TRUE((*staged)->write("config.json", "{}"));
    EXPECT_FALSE(fs::exists(target_));
    ASSERT_TRUE((*staged)->commit());
  }
  EXPECT_TRUE(fs::exists(target_ / "config.json"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedDirectoryTest, without_commit_the_target_is_as_it_was) {
  put(target_ / "config.json");
  {
    auto staged = StagedDirectory::create(target_.string(), true);
    ASSERT_TRUE(staged);
    ASSERT_TRUE((*staged)->write("new", "x"));
  }
  EXPECT_TRUE(fs::exists(target_ / "config.json"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedDirectoryTest, what_exists_is_replaced_only_when_asked) {
  put(target_ / "config.json");
  put(target_ / "old.safetensors");
  EXPECT_NE(StagedDirectory::create(target_.string(), false).error().message.find("--force"), std::string::npos);
  auto staged = StagedDirectory::create(target_.string(), true);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write("config.json", "{}"));
  ASSERT_TRUE((*staged)->commit());
  EXPECT_FALSE(fs::exists(target_ / "old.safetensors"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(StagedDirectoryTest, what_is_no_model_directory_is_never_replaced) {
  put(target_ / "thesis.doc");
  EXPECT_NE(StagedDirectory::create(target_.string(), true).error().message.find("not a model directory"),
            std::string::npos);
  put(root_ / "file");
  EXPECT_FALSE(StagedDirectory::create((root_ / "file").string(), true));
  EXPECT_TRUE(fs::exists(target_ / "thesis.doc"));
}

TEST_F(StagedDirectoryTest, an_empty_directory_may_be_filled) {
  fs::create_directories(target_);
  auto staged = StagedDirectory::create(target_.string(), false);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write("config.json", "{}"));
  EXPECT_TRUE((*staged)->commit());
  EXPECT_TRUE(fs::exists(target_ / "config.json"));
}

TEST_F(StagedDirectoryTest, a_link_to_a_directory_is_followed) {
  put(root_ / "elsewhere" / "config.json");
  fs::create_directory_symlink(root_ / "elsewhere", target_);
  auto staged = StagedDirectory::create(target_.string(), true);
  ASSERT_TRUE(staged);
  ASSERT_TRUE((*staged)->write("new", "x"));
  ASSERT_TRUE((*staged)->commit());
  EXPECT_TRUE(fs::is_symlink(target_));
  EXPECT_TRUE(fs::exists(root_ / "elsewhere" / "new"));
}

TEST_F(StagedDirectoryTest, names_that_lead_nowhere_are_refused_before_any_work) {
  EXPECT_FALSE(StagedDirectory::create("", false));
  fs::create_symlink("loop", root_ / "loop");
  EXPECT_FALSE(StagedDirectory::create((root_ / "loop").string(), false));
  EXPECT_EQ(entries(), 1u);
}

}  // namespace
}  // namespace mlxserving::hub
