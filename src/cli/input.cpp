#include "cli/input.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

#include "cli/command.h"
#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::cli {
namespace {

// The stream of `path`, which is `file` unless standard input is meant.
Result<std::istream*> open_input(const std::string& path, std::ifstream& file) {
  if (path == "-") return &std::cin;
  std::error_code ec;
  if (std::filesystem::is_directory(path, ec)) return fail(ErrorCode::io, path, "{}: is a directory", path);
  errno = 0;
  file.open(path, std::ios::binary);
  if (file) return &file;
  const ErrorCode code = errno == ENOENT ? ErrorCode::not_found : ErrorCode::io;
  return fail(code, path, "{}: cannot be opened: {}", path, std::generic_category().message(errno));
}

}  // namespace

Result<std::string> read_input(const std::string& path, size_t bytes_max, const std::string& what) {
  std::ifstream file;
  MLXS_TRY(std::istream * in, open_input(path, file));
  std::string text;
  std::array<char, size_t{1} << 16> part;
  while (in->read(part.data(), static_cast<std::streamsize>(part.size())), in->gcount() > 0) {
    text.append(part.data(), static_cast<size_t>(in->gcount()));
    if (text.size() > bytes_max) {
      return fail(ErrorCode::resource_exhausted, path, "{} must be at most {} bytes, got more", what, bytes_max);
    }
  }
  return text;
}

Result<void> check_utf8(std::string_view text, const std::string& what) {
  if (utf8::is_valid(text)) return {};
  return fail(ErrorCode::invalid_request, what, "{} must be valid UTF-8", what);
}

Result<int> answer_lines(const std::string& path, const AnswerLine& answer) {
  std::ifstream file;
  MLXS_TRY(std::istream * in, open_input(path, file));
  std::string line;
  for (size_t number = 1; std::getline(*in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    MLXS_TRY(const Json out, answer(line, fmt::format("{}:{}", path, number)));
    std::cout << to_text(out) << '\n';
  }
  return kExitOk;
}

}  // namespace mlxserving::cli
