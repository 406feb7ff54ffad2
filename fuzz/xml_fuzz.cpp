// An XML document as a model or a schema, by its first byte, a zero byte, a text to run through it.
#include "text_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving;
  using Form = XmlConstraint::Form;
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Form form = data[0] == 'm' ? Form::model : data[0] == 's' ? Form::schema : Form::well_formed;
  grammar::fuzz_constraint(XmlConstraint{form, std::string(grammar::notation_of(input))}, input);
  return 0;
}
