// The tile instructions of AMX-BF16.
//
// They are written as assembly: g++ 12's _tile_loadconfig says that it reads 8 of its 64 bytes and _tile_loadd that it
// reads no memory, so stores before them are dropped or moved.
#pragma once

// Eight tiles of 16 rows by 64 bytes, a thread's own.
struct TileRegisters {
  struct alignas(64) Config {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };

  static void configure() {
    static constexpr Config kConfig;
    asm volatile("ldtilecfg %0" ::"m"(kConfig));
  }
  static void release() { asm volatile("tilerelease" ::: "memory"); }

  template <int kTile>
  static void load(const uint8_t* p) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(int64_t{64}), "i"(kTile) : "memory");
  }
  template <int kTile>
  static void store(uint8_t* p) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(int64_t{64}), "i"(kTile) : "memory");
  }
  template <int kSum, int kA, int kB>
  static void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
  }
};
