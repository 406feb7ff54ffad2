#include "core/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/utf8.h"

namespace mlxserving {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(50);
constexpr size_t kBarCells = 24;

size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::string title, bool quiet)
    : title_(std::move(title)), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (drawn_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::show(double fraction, const std::string& stage) {
  if (quiet_) return;
  if (!terminal_) {
    if (stage != stage_ || !drawn_) fmt::print(stderr, "{}{}{}\n", title_, stage.empty() ? "" : ": ", stage);
    stage_ = stage;
    drawn_ = true;
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_draw_ < kRedraw && fraction < 1) return;
  last_draw_ = now;
  drawn_ = true;
  draw(fraction >= 0 ? std::min(fraction, 1.0) : 0, stage);  // 0 of 0 is not a number
}

void Progress::draw(double fraction, const std::string& stage) {
  const auto full = static_cast<size_t>(fraction * kBarCells);
  std::string bar;
  for (size_t i = 0; i < kBarCells; ++i) bar += i < full ? "━" : "╌";
  std::string text = fmt::format("{}{}{}", title_, stage.empty() ? "" : ": ", stage);
  const size_t room = terminal_columns();
  const size_t text_max = room > kBarCells + 8 ? room - kBarCells - 8 : 0;
  if (text.size() > text_max) {
    text.resize(text_max);
    text.resize(text.size() - utf8::incomplete_tail(text));
  }
  fmt::print(stderr, "\r\033[K{} {:3.0f} % {}", bar, 100 * fraction, text);
  std::fflush(stderr);
}

}  // namespace mlxserving
