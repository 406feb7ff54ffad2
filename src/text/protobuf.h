// Just enough of Protocol Buffers' wire format to read a message field by field.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace mlxserving::text {

// One field: `number` is 0 at the end of the message.
struct ProtobufField {
  uint32_t number = 0;
  uint64_t integer = 0;    // of a varint or fixed field
  std::string_view bytes;  // of a length-delimited field

  float as_float() const {
    const auto bits = static_cast<uint32_t>(integer);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
};

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  // The next field; nothing when the bytes are no message.
  std::optional<ProtobufField> next() {
    if (rest_.empty()) return ProtobufField{};
    const auto tag = varint();
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > UINT32_MAX) return std::nullopt;
    ProtobufField field{static_cast<uint32_t>(*tag >> 3), 0, {}};
    switch (*tag & 7) {
      case 0: {
        const auto value = varint();
        if (!value) return std::nullopt;
        field.integer = *value;
        return field;
      }
      case 1: return fixed(8, field);
      case 2: {
        const auto size = varint();
        if (!size || *size > rest_.size()) return std::nullopt;
        field.bytes = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return field;
      }
      case 5: return fixed(4, field);
      default: return std::nullopt;
    }
  }

 private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<ProtobufField> fixed(size_t bytes, ProtobufField field) {
    if (rest_.size() < bytes) return std::nullopt;
    std::memcpy(&field.integer, rest_.data(), bytes);
    rest_.remove_prefix(bytes);
    return field;
  }

  std::string_view rest_;
};

}  // namespace mlxserving::text
