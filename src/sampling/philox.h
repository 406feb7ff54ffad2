// Chance as a function: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a
// counter-based generator. It has no state, so a position draws the same number alone, in a batch, or after a restart.
#pragma once

#include <array>
#include <cstdint>

namespace mlxserving::sampling {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};  // the golden ratio and sqrt(3) - 1
  }
  return counter;
}

// The two chances of one token, each in [0, 1) with 53 bits.
struct Chances {
  double token;  // which token is drawn
  double xtc;    // whether XTC applies
};

// `fork` tells the answers to one prompt apart (n > 1); `position` counts the tokens generated.
constexpr Chances chances(uint64_t seed, uint64_t position, uint32_t fork) {
  const PhiloxCounter bits = philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), fork, 0},
                                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  const auto unit = [](uint32_t high, uint32_t low) {
    return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
  };
  return {unit(bits[0], bits[1]), unit(bits[2], bits[3])};
}

}  // namespace mlxserving::sampling
