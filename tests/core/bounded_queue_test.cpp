#include "core/bounded_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace mlxserving {
namespace {

TEST(BoundedQueue, the_capacity_is_tested_below_at_and_above) {
  BoundedQueue<int> queue(2);
  int item = 1;
  EXPECT_TRUE(queue.try_push(item));
  EXPECT_EQ(queue.room(), 1U);
  EXPECT_TRUE(queue.try_push(item));
  EXPECT_EQ(queue.room(), 0U);
  EXPECT_FALSE(queue.try_push(item));
}

TEST(BoundedQueue, a_refused_item_stays_with_its_owner) {
  BoundedQueue<std::string> queue(0);
  std::string item = "mine";
  EXPECT_FALSE(queue.try_push(item));
  EXPECT_EQ(item, "mine");
}

TEST(BoundedQueue, after_close_what_is_left_comes_out_then_nothing) {
  BoundedQueue<int> queue(4);
  int item = 7;
  queue.try_push(item);
  queue.close();
  EXPECT_FALSE(queue.try_push(item));
  EXPECT_EQ(queue.pop(), 7);
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, a_waiting_reader_wakes_when_it_closes) {
  BoundedQueue<int> queue(1);
  std::jthread closer([&] { queue.close(); });
  EXPECT_EQ(queue.pop(), std::nullopt);
}

TEST(BoundedQueue, each_writers_items_arrive_once_and_in_order) {
  constexpr int kWriters = 4;
  constexpr int kItems = 5000;
  BoundedQueue<std::pair<int, int>> queue(16);
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kItems; ++i) {
        std::pair<int, int> item{writer, i};
        while (!queue.try_push(item)) std::this_thread::yield();
      }
    });
  }
  std::vector<int> next(kWriters, 0);
  for (int n = 0; n < kWriters * kItems; ++n) {
    const auto [writer, i] = *queue.pop();
    ASSERT_EQ(i, next[static_cast<size_t>(writer)]++);
  }
}

TEST(BoundedQueue, a_listener_hears_of_each_item_and_of_the_end) {
  BoundedQueue<int> queue(4);
  int item = 1;
  queue.try_push(item);
  int heard = 0;
  queue.listen([&] { ++heard; });
  EXPECT_EQ(heard, 1) << "what is there already is told at once";
  queue.try_push(item);
  queue.close();
  EXPECT_EQ(heard, 3);
}

TEST(BoundedQueue, a_listener_that_was_taken_off_is_not_called) {
  BoundedQueue<int> queue(4);
  int heard = 0;
  queue.listen([&] { ++heard; });
  queue.listen({});
  int item = 1;
  queue.try_push(item);
  EXPECT_EQ(heard, 0);
}

}  // namespace
}  // namespace mlxserving
