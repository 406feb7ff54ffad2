// How generated JSON is laid out.
#pragma once

#include <cstdint>

namespace mlxserving::grammar {

struct JsonLayout {
  enum class Space : uint8_t {
    flexible,  // at each place nothing, one space, or line ends (at most two) and an indent of at most 32
    compact,   // none
    indented,  // a line and `indent` spaces a level, one space after a colon
    any,       // any run of JSON white space up to 64 bytes, before colons and commas too
  };
  enum class Order : uint8_t {
    declared,  // keys come in the order of `properties`, then those only required, then unnamed ones
    any,
  };
  Space space = Space::flexible;
  uint32_t indent = 2;
  Order order = Order::declared;
};

}  // namespace mlxserving::grammar
