// Reads the body of one or more calls a byte at a time, between the marks of a dialect.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/dialects/answer_part.h"
#include "text/dialects/json_scanner.h"

namespace mlxserving::text {

class CallReader {
 public:
  enum class Verdict {
    more,
    done,    // this byte completes the call, or the section of calls
    broken,  // what was read since the last complete call is none: it becomes text
  };
  virtual ~CallReader() = default;
  // Appends call, arguments and call_end as they become certain.
  virtual Verdict take(char c, AnswerParts& parts) = 0;
  // A call is complete and nothing has come after it but white space or the beginning of the closing mark.
  virtual bool is_closing() const { return false; }
};

// {"name": NAME, "arguments" | "parameters": {...}}, in any order; "id" and "type" may stand there too. `names`, where
// not empty, are the only ones accepted.
std::unique_ptr<CallReader> read_json_call(std::vector<std::string> names = {});

// The arguments alone, after `name`.
std::unique_ptr<CallReader> read_json_arguments(std::string name);

}  // namespace mlxserving::text
