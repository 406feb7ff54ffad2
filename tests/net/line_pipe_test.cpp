#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "net/line_input.h"
#include "net/line_output.h"

namespace mlxserving::net {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe(ends), 0); }
  ~Pipe() {
    close_read();
    close_write();
  }
  void close_read() {
    if (ends[0] >= 0) ::close(std::exchange(ends[0], -1));
  }
  void close_write() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
  std::string read_all() const {
    std::string text;
    char buffer[65536];
    for (ssize_t got = 1; got > 0;) {
      got = ::read(ends[0], buffer, sizeof(buffer));
      if (got > 0) text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }
  int ends[2] = {-1, -1};
};

TEST(LineOutput, lines_of_many_threads_come_whole_and_all) {
  Pipe pipe;
  std::string text;
  std::thread reader([&] { text = pipe.read_all(); });
  {
    LineOutput output(pipe.ends[1], {});
    std::vector<std::thread> writers;
    for (char c = 'a'; c < 'i'; ++c) {
      writers.emplace_back([&output, c] {
        for (int i = 0; i < 500; ++i) output.write(std::string(static_cast<size_t>(i), c));
      });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_TRUE(output.finish(milliseconds(5000)));
  }
  pipe.close_write();
  reader.join();
  size_t lines = 0;
  for (size_t at = 0; at < text.size(); ++lines) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(text.substr(at, end - at), std::string(end - at, text[at]));
    at = end + 1;
  }
  EXPECT_EQ(lines, 8U * 500);
}

TEST(LineOutput, who_waits_for_room_waits_until_the_reader_reads) {
  Pipe pipe;
  LineOutput output(pipe.ends[1], {});
  output.write(std::string(1 << 20, 'x'));
  std::atomic<bool> has_room = false;
  std::thread waiter([&] {
    output.wait_until_below(1000);
    has_room = true;
  });
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(has_room);
  std::thread reader([&] { pipe.read_all(); });
  waiter.join();
  EXPECT_TRUE(output.finish(milliseconds(5000)));
  pipe.close_write();
  reader.join();
}

TEST(LineOutput, a_broken_pipe_is_told_once_and_holds_nobody) {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  std::atomic<int> told = 0;
  LineOutput output(pipe.ends[1], [&] { ++told; });
  pipe.close_read();
  output.write("gone");
  output.wait_until_below(0);
  for (int i = 0; i < 100; ++i) output.write("more");
  output.finish(milliseconds(1000));
  while (told == 0) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(told, 1);
}

TEST(LineOutput, its_end_does_not_hang_on_a_reader_that_never_reads) {
  Pipe pipe;
  LineOutput output(pipe.ends[1], {});
  output.write(std::string(1 << 20, 'x'));
  EXPECT_FALSE(output.finish(milliseconds(10)));
}

struct Counter final : LineReceiver {
  void on_line(std::string_view) override { ++lines; }
  void on_overlong_part(std::string_view) override {}
  void on_overlong_end(uint64_t) override {}
  int lines = 0;
};

TEST(LineInput, reading_ends_with_the_input_or_when_told) {
  Pipe pipe;
  Counter counter;
  LineSplitter splitter(100, counter);
  ASSERT_EQ(::write(pipe.ends[1], "a\nb", 3), 3);
  LineInput input(pipe.ends[0]);
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(20));
    input.stop();
  });
  input.run(splitter, milliseconds(5), [] { return true; });
  stopper.join();
  EXPECT_EQ(counter.lines, 1);
  LineInput again(pipe.ends[0]);
  pipe.close_write();
  again.run(splitter, milliseconds(5), [] { return true; });
  EXPECT_EQ(counter.lines, 2) << "what stands without a line end is a line too";
}

}  // namespace
}  // namespace mlxserving::net
