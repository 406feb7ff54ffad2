#include "net/line_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace mlxserving::net {
namespace {

constexpr int kPollMs = 100;          // how soon the writing thread sees that nobody waits for it any more
constexpr size_t kWriteBytes = 4096;  // PIPE_BUF: a pipe that polls as writable takes so much without blocking

}  // namespace

LineOutput::LineOutput(int descriptor, std::function<void()> on_broken)
    : descriptor_(descriptor), on_broken_(std::move(on_broken)), writer_([this] { run(); }) {}

LineOutput::~LineOutput() {
  finish(std::chrono::milliseconds(0));
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;  // whatever is left has had its time
    changed_.notify_all();
  }
  writer_.join();
}

void LineOutput::write(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (broken_) return;
  unwritten_.append(line).push_back('\n');
  changed_.notify_all();
}

void LineOutput::wait_until_below(size_t unwritten_bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return broken_ || finishing_ || unwritten_.size() + being_written_ <= unwritten_bytes; });
}

bool LineOutput::finish(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
  changed_.wait_for(lock, timeout, [&] { return broken_ || (unwritten_.empty() && being_written_ == 0); });
  return unwritten_.empty() && being_written_ == 0;
}

void LineOutput::run() {
  std::string writing;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return broken_ || !unwritten_.empty(); });
    if (broken_) return;
    std::swap(writing, unwritten_);
    being_written_ = writing.size();
    lock.unlock();
    const bool is_written = write_all(writing);
    writing.clear();
    lock.lock();
    if (is_written) being_written_ = 0;
    const bool breaks_now = !is_written && !broken_;
    if (!is_written) broken_ = true;
    changed_.notify_all();
    if (!breaks_now || !on_broken_) continue;
    lock.unlock();
    on_broken_();  // nobody waits for room any more, so it may wait for others
    lock.lock();
  }
}

// Polls before each write, so that the end of the process does not hang on a reader that never reads.
bool LineOutput::write_all(std::string_view bytes) const {
  while (!bytes.empty()) {
    pollfd ready = {.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const int polled = ::poll(&ready, 1, kPollMs);
    if (polled < 0 && errno != EINTR) return false;
    if (polled <= 0) {
      if (broken_) return false;
      continue;
    }
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kWriteBytes));
    if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace mlxserving::net
