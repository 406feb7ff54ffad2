// The parsers of answers: the first byte chooses dialect and reasoning, the second how the text is cut. Nothing is
// lost: content, reasoning and arguments do not depend on the cuts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "text/dialects/dialects.h"

namespace {

using namespace mlxserving::text;

std::string flat(const AnswerParts& parts) {
  std::string calls;
  std::string out;
  std::string open;
  for (const AnswerPart& part : parts) {
    switch (part.kind) {
      case AnswerPart::Kind::content: out += part.text; break;
      case AnswerPart::Kind::reasoning: out += "\x01" + part.text; break;
      case AnswerPart::Kind::call: open = "\x02" + part.text; break;
      case AnswerPart::Kind::arguments: open += "\x03" + part.text; break;
      case AnswerPart::Kind::call_end: calls += open + "\x04", open.clear(); break;
      case AnswerPart::Kind::call_lost: open.clear(); break;
    }
  }
  if (!open.empty()) std::abort();  // a call that neither ended nor was taken back
  return out + calls;
}

AnswerParts joined(const AnswerParts& parts) {
  AnswerParts out;
  for (const AnswerPart& part : parts) add_part(out, part.kind, part.text);
  return out;
}

AnswerParts read(const Dialect* dialect, const AnswerOptions& options, std::string_view text, size_t piece) {
  const auto parser = make_answer_parser(dialect, options);
  AnswerParts parts;
  for (size_t i = 0; i < text.size(); i += piece) parser->feed(text.substr(i, piece), parts);
  parser->finish(parts);
  return joined(parts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto all = dialects();
  const size_t choice = data[0] % (all.size() + 1);
  const Dialect* dialect = choice == all.size() ? nullptr : &all[choice];
  AnswerOptions options{.thinks = data[0] >= 128, .begins_in_reasoning = data[0] >= 192};
  options.tools.push_back({.name = "now", .parameters = mlxserving::Json::object()});
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string whole = flat(read(dialect, options, text, text.size() + 1));
  if (flat(read(dialect, options, text, 1 + data[1] % 7)) != whole) std::abort();
  return 0;
}
