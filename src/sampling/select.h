// Where to cut: the shortest prefix of keys, highest first, that has enough weight. Found without sorting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "sampling/vocab_ops.h"

namespace mlxserving::sampling {

// Keys above `threshold` are in, and of those equal to it the ones at an index up to `last_tie`.
struct Cut {
  float threshold = -std::numeric_limits<float>::infinity();
  size_t last_tie = std::numeric_limits<size_t>::max();
};

// Buffers of select(), kept from token to token.
struct SelectBuffers {
  struct Side {
    std::vector<float> key;
    std::vector<float> weight;
    std::vector<int32_t> index;
  };
  Side sides[2];
  void reserve(size_t n);
};

// Keys without NaN, and their weights.
struct Weighted {
  const float* keys;
  const float* weights;  // null: each key counts 1
  size_t n;
  double total;  // of the weights
};

// The prefix in the order key descending, index ascending, that is the shortest to reach `target` weight; at least one
// key. When all weights together fall short, everything is in.
//
// A sample of keys brackets the cut, one pass weighs what lies above the bracket and copies what lies inside, and the
// search goes on in the copy (after Floyd and Rivest's SELECT, 1975): about one pass and a quarter over the keys.
Cut select(const VocabOps& ops, SelectBuffers& buffers, const Weighted& weighted, double target);

}  // namespace mlxserving::sampling
