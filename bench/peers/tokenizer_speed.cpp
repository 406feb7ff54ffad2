// Encodes documents again and again and says how much processor time each pass took; tokenizer_speed.py compares that
// with the reference.
//   tokenizer_speed TOKENIZER DOCUMENTS PASSES     documents end with a zero byte
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <vector>

#include "core/read_file.h"
#include "text/tokenizer.h"

namespace {

// Of this process, so that a busy machine counts for neither side.
double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::vector<std::string_view> split(std::string_view all) {
  std::vector<std::string_view> documents;
  for (size_t end = all.find('\0'); end != std::string_view::npos; end = all.find('\0')) {
    documents.push_back(all.substr(0, end));
    all.remove_prefix(end + 1);
  }
  return documents;
}

int fail(const mlxserving::Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: tokenizer_speed TOKENIZER DOCUMENTS PASSES\n"), 2;
  const double start = cpu_seconds();
  const auto tokenizer = mlxserving::text::Tokenizer::load(argv[1]);
  if (!tokenizer) return fail(tokenizer.error());
  std::printf("load %.6f\n", cpu_seconds() - start);
  const auto file = mlxserving::read_file(argv[2]);
  if (!file) return fail(file.error());
  const auto documents = split(*file);
  for (int pass = 0; pass < std::atoi(argv[3]); ++pass) {
    const double begin = cpu_seconds();
    size_t tokens = 0;
    for (const std::string_view document : documents) {
      const auto encoding = (*tokenizer)->encode(document, {.add_special_tokens = false});
      if (!encoding) return fail(encoding.error());
      tokens += encoding->ids.size();
    }
    std::printf("pass %.6f %zu\n", cpu_seconds() - begin, tokens);
  }
  return 0;
}
