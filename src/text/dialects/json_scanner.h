// Checks JSON a byte at a time, so that what is passed on while it comes is sure to be the beginning of sound JSON.
#pragma once

#include <string>

namespace mlxserving::text {

class JsonScanner {
 public:
  static constexpr size_t kDepthMax = 128;

  enum class Verdict {
    more,    // sound so far
    done,    // this byte completes an object, list or string
    broken,  // no JSON begins like this
  };

  // Bytes of one value that is an object, a list or a string: those say themselves where they end.
  Verdict take(char c);

 private:
  enum class At { value, value_or_end, key, key_or_end, colon, comma_or_end, in_string, escape, hex, in_word };

  Verdict begin_value(char c);
  Verdict end_value();
  Verdict close(char c);
  Verdict in_string(char c);
  Verdict in_word(char c);

  std::string open_;  // '{' and '[' that are open
  At at_ = At::value;
  bool string_is_key_ = false;
  int hex_left_ = 0;
  std::string word_;  // a number or literal so far
};

}  // namespace mlxserving::text
