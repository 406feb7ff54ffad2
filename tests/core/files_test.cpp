#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/mapped_file.h"
#include "core/read_file.h"

namespace mlxserving {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() : folder_(fs::temp_directory_path() / ("files_test." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  std::string content(const std::string& name, size_t bytes_max) const {
    const auto text = read_file(at(name), bytes_max);
    return text ? *text : "";
  }

  // What reading it whole and mapping it say of a path.
  static std::string fault(const std::string& path) {
    const auto text = read_file(path);
    const auto map = MappedFile::open(path);
    EXPECT_FALSE(text);
    EXPECT_FALSE(map);
    if (text || map) return "";
    EXPECT_EQ(text.error().message, map.error().message);
    return text.error().message.substr(path.size());
  }

  fs::path folder_;
};

TEST_F(Files, a_fault_tells_the_systems_reason) {
  EXPECT_EQ(fault(at("absent")), ": no such file");
  std::ofstream(at("file")) << "x";
  EXPECT_EQ(fault(at("file/inside")), ": no such file");
  EXPECT_EQ(fault(folder_.string()), ": not a regular file");
  fs::create_symlink("loop", at("loop"));
  EXPECT_EQ(fault(at("loop")), ": cannot be opened: Too many levels of symbolic links");
}

TEST_F(Files, a_pipe_without_a_writer_is_refused_and_not_waited_for) {
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(fault(at("pipe")), ": not a regular file");
}

TEST_F(Files, size_limit_is_tested_below_at_and_above) {
  std::ofstream(at("file")) << "1234";
  EXPECT_EQ(content("file", 5), "1234");
  EXPECT_EQ(content("file", 4), "1234");
  EXPECT_FALSE(read_file(at("file"), 3));
}

TEST_F(Files, what_is_written_is_read_and_nothing_lies_beside_it) {
  ASSERT_TRUE(write_file(at("file"), "old"));
  ASSERT_TRUE(write_file(at("file"), "new"));
  EXPECT_EQ(content("file", 100), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  const auto nowhere = write_file(at("absent/file"), "x");
  ASSERT_FALSE(nowhere);
  EXPECT_NE(nowhere.error().message.find("No such file or directory"), std::string::npos);
}

}  // namespace
}  // namespace mlxserving
