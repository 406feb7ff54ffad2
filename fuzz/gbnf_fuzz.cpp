// A grammar in GBNF, a zero byte, a text to run through it.
#include "text_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving::grammar;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz_constraint(mlxserving::GbnfConstraint{std::string(notation_of(input))}, input);
  return 0;
}
