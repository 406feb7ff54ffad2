// What one template may cost: every limit has a name, and a template that passes one is stopped with an error that
// names it.
#pragma once

#include <cstddef>

namespace mlxserving::text::jinja {

struct Limits {
  size_t template_bytes_max = size_t{1} << 20;
  int nesting_max = 96;                        // brackets, operators and blocks inside each other, in the source
  size_t steps_max = 5'000'000;                // nodes evaluated, items visited, and a step per 64 bytes made
  int depth_max = 400;                         // evaluation inside evaluation: macros, recursive loops, expressions
  int value_depth_max = 100;                   // containers inside containers
  size_t value_weight_max = 2'000'000;         // values in a container, counted as often as they are reached
  size_t output_bytes_max = size_t{32} << 20;  // the text a rendering gives
  size_t string_bytes_max = size_t{32} << 20;  // any one string on the way
  size_t items_max = 1'000'000;                // any one list, tuple or dict
  size_t range_items_max = 100'000;            // as Jinja's sandbox has it
  size_t integer_bits_max = 8192;              // 2 ** n, factorials
};

}  // namespace mlxserving::text::jinja
