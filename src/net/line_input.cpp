#include "net/line_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace mlxserving::net {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;  // what a pipe holds

}  // namespace

LineInput::LineInput(int descriptor) : descriptor_(descriptor) {
  if (::pipe(wake_) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  for (const int end : wake_) ::fcntl(end, F_SETFD, FD_CLOEXEC);
}

LineInput::~LineInput() {
  for (const int end : wake_) ::close(end);
}

void LineInput::stop() {
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = ::write(wake_[1], &byte, 1);
}

void LineInput::run(LineSplitter& splitter, std::chrono::milliseconds tick, const std::function<bool()>& on_tick) {
  std::vector<char> buffer(kReadBytes);
  while (true) {
    pollfd waited[] = {{.fd = descriptor_, .events = POLLIN, .revents = 0},
                       {.fd = wake_[0], .events = POLLIN, .revents = 0}};
    const int ready = ::poll(waited, 2, static_cast<int>(tick.count()));
    if (waited[1].revents != 0 || (ready < 0 && errno != EINTR)) return;
    if (ready <= 0) {
      if (!on_tick()) return;
      continue;
    }
    const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      splitter.finish();
      return;
    }
    splitter.feed({buffer.data(), static_cast<size_t>(got)});
  }
}

}  // namespace mlxserving::net
