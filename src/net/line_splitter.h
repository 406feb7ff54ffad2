// From bytes as they arrive to lines, for protocols of one message a line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlxserving::net {

// Who takes the lines. Views are valid during the call.
class LineReceiver {
 public:
  virtual ~LineReceiver() = default;
  // A whole line, without its end (LF or CRLF); never blank.
  virtual void on_line(std::string_view line) = 0;
  // Bytes of a line that is too long, in order and from its first on, each once.
  virtual void on_overlong_part(std::string_view part) = 0;
  // That line has ended.
  virtual void on_overlong_end(uint64_t line_bytes) = 0;
};

// Holds at most one line of `line_bytes_max`. One thread.
class LineSplitter {
 public:
  LineSplitter(size_t line_bytes_max, LineReceiver& receiver) : max_(line_bytes_max), receiver_(receiver) {}

  void feed(std::string_view bytes);
  // The input ends: what stands without a line end is a line too.
  void finish();

 private:
  void take_part(std::string_view part);
  void end_line();

  const size_t max_;
  LineReceiver& receiver_;
  std::string held_;
  uint64_t overlong_bytes_ = 0;  // 0: the line is not too long so far
};

}  // namespace mlxserving::net
