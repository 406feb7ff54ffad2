// Memory on 64-byte boundaries that grows, and memory on huge pages for what is large and stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace mlxserving::kernels {

// Owns at least as many bytes as were ever asked for. Growing loses the contents.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer();

  // At least `bytes` bytes, undefined contents. Throws std::bad_alloc.
  uint8_t* bytes(size_t bytes);
  float* floats(size_t count) { return reinterpret_cast<float*>(bytes(count * sizeof(float))); }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Zeroed memory from the system, on 2 MiB pages where there are such. Pages that are never touched cost nothing.
class HugePages {
 public:
  explicit HugePages(size_t bytes);  // throws std::bad_alloc
  HugePages(const HugePages&) = delete;
  HugePages& operator=(const HugePages&) = delete;
  ~HugePages();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  void* mapping_;
  size_t mapped_;
  uint8_t* data_;
  size_t size_;
};

}  // namespace mlxserving::kernels
