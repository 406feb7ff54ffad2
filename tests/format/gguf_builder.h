// Builds GGUF files byte by byte, sound ones and broken ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlxserving::format {

class GgufBuilder {
 public:
  explicit GgufBuilder(uint32_t version = 3) : version_(version) {}

  template <typename T>
  static std::string raw(T value) {
    std::string bytes(sizeof(T), '\0');
    std::memcpy(bytes.data(), &value, sizeof(T));
    return bytes;
  }
  static std::string text(std::string_view value) { return raw<uint64_t>(value.size()) + std::string(value); }

  // `type` and `payload` as the file has them.
  GgufBuilder& key(std::string_view name, uint32_t type, const std::string& payload) {
    keys_ += text(name) + raw(type) + payload;
    ++key_count_;
    return *this;
  }
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& sizes, uint32_t type, uint64_t offset) {
    tensors_ += text(name) + raw(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) tensors_ += raw(size);
    tensors_ += raw(type) + raw(offset);
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& data(std::string bytes) {
    data_ = std::move(bytes);
    return *this;
  }

  std::string build() const {
    std::string file = "GGUF" + raw(version_) + raw(tensor_count_) + raw(key_count_) + keys_ + tensors_;
    file.resize((file.size() + 31) / 32 * 32);
    return file + data_;
  }

 private:
  uint32_t version_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  std::string keys_;
  std::string tensors_;
  std::string data_;
};

}  // namespace mlxserving::format
