// Files of a test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace mlxserving::test {

// The running test's own directory in the build tree, empty.
inline std::filesystem::path test_directory() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->test_suite_name()) + "." + test->name();
  for (char& c : name) c = c == '/' ? '_' : c;
  auto directory = std::filesystem::path(MLXS_BINARY_DIR) / "tests" / "directories" / name;
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  return directory;
}

}  // namespace mlxserving::test
