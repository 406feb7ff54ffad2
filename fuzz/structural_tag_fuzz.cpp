// Lines of a tag: begin, schema, end, trigger; a zero byte, a text to run through it.
#include "text_grammar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mlxserving;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::string_view rest = grammar::notation_of(input);
  const auto line = [&rest] {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string result(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return result;
  };
  StructuralTagConstraint constraint;
  while (!rest.empty() && constraint.tags.size() < 4) {
    StructuralTag tag;
    tag.begin = line();
    tag.schema = line();
    tag.end = line();
    constraint.tags.push_back(std::move(tag));
    if (std::string trigger = line(); !trigger.empty()) constraint.triggers.push_back(std::move(trigger));
  }
  constraint.required = size % 2 == 1;
  constraint.parallel = size % 3 != 0;
  grammar::fuzz_constraint(constraint, input);
  return 0;
}
