// What commands read of files, pipes and standard input.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::cli {

// The bytes of a file or a pipe, or of standard input for "-", to their end. Errors: not_found, io, and
// resource_exhausted beyond `bytes_max`, which call it `what`.
Result<std::string> read_input(const std::string& path, size_t bytes_max, const std::string& what);

// Errors: invalid_request, which calls the text `what`.
Result<void> check_utf8(std::string_view text, const std::string& what);

// Prints what `answer` gives for each line of JSON lines, in order, a line each; `where` names the line in errors.
// Blank lines are skipped; the first error ends it.
using AnswerLine = std::function<Result<Json>(const std::string& line, const std::string& where)>;
Result<int> answer_lines(const std::string& path, const AnswerLine& answer);

}  // namespace mlxserving::cli
