#include "core/machine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace mlxserving {
namespace {

class Machine : public testing::Test {
 protected:
  Machine() { std::filesystem::create_directories(root_); }
  ~Machine() override { std::filesystem::remove_all(root_); }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + name).parent_path());
    std::ofstream(root_ + "/" + name) << text;
  }
  std::string root_ = testing::TempDir() + "mlxs_machine_" + std::to_string(reinterpret_cast<uintptr_t>(this));
};

TEST_F(Machine, a_group_without_a_limit_leaves_the_machines_memory) {
  const int64_t all = memory_bytes(root_);
  EXPECT_GT(all, 0);
  write("memory.max", "max\n");
  EXPECT_EQ(memory_bytes(root_), all);
}

TEST_F(Machine, a_groups_limit_is_the_memory) {
  write("memory.max", "1048576\n");
  EXPECT_EQ(memory_bytes(root_), 1048576);
}

TEST_F(Machine, the_first_version_of_control_groups_limits_too) {
  write("memory/memory.limit_in_bytes", "2097152\n");
  write("cpu/cpu.cfs_quota_us", "150000\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(memory_bytes(root_), 2097152);
  EXPECT_EQ(cpu_quota(root_), 1.5);
}

TEST_F(Machine, a_quota_of_time_counts_cores) {
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
  write("cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
  write("cpu.max", "250000 100000\n");
  EXPECT_EQ(cpu_quota(root_), 2.5);
}

}  // namespace
}  // namespace mlxserving
