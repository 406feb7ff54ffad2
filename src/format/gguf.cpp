#include "format/gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "core/check.h"
#include "core/mapped_file.h"
#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::format {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint64_t kAlignmentDefault = 32;
constexpr uint64_t kAlignmentMax = 1 << 20;

// Bytes of a number or boolean; 0 for what has no fixed size or does not exist.
size_t fixed_bytes(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::i8:
    case GgufValueType::boolean: return 1;
    case GgufValueType::u16:
    case GgufValueType::i16: return 2;
    case GgufValueType::u32:
    case GgufValueType::i32:
    case GgufValueType::f32: return 4;
    case GgufValueType::u64:
    case GgufValueType::i64:
    case GgufValueType::f64: return 8;
    case GgufValueType::string:
    case GgufValueType::array: return 0;
  }
  return 0;
}

template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

GgufValue load_value(GgufValueType type, const std::byte* from) {
  switch (type) {
    case GgufValueType::u8: return uint64_t{load<uint8_t>(from)};
    case GgufValueType::i8: return int64_t{load<int8_t>(from)};
    case GgufValueType::u16: return uint64_t{load<uint16_t>(from)};
    case GgufValueType::i16: return int64_t{load<int16_t>(from)};
    case GgufValueType::u32: return uint64_t{load<uint32_t>(from)};
    case GgufValueType::i32: return int64_t{load<int32_t>(from)};
    case GgufValueType::u64: return load<uint64_t>(from);
    case GgufValueType::i64: return load<int64_t>(from);
    case GgufValueType::f32: return load<float>(from);
    case GgufValueType::f64: return load<double>(from);
    case GgufValueType::boolean: return load<uint8_t>(from) != 0;
    case GgufValueType::string:
    case GgufValueType::array: break;
  }
  check(false, "load_value takes types of fixed size");
  return false;
}

// Walks the file front to back; every read is checked against the end.
class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& path, const GgufLimits& limits)
      : bytes_(bytes), path_(path), limits_(limits) {}

  Result<GgufFile> read() {
    GgufFile file;
    file.path = path_;
    MLXS_TRY(const uint32_t magic, number<uint32_t>("the magic"));
    if (magic != kMagic) {
      return fail(ErrorCode::invalid_model, path_, "{}: not a GGUF file: it must begin with the bytes GGUF", path_);
    }
    MLXS_TRY(file.version, number<uint32_t>("the version"));
    if (file.version != 2 && file.version != 3) {
      const bool swapped = (file.version & 0xFFFF) == 0 && file.version != 0;
      return fail(ErrorCode::unsupported_model, path_, "{}: GGUF version must be 2 or 3, found {}", path_,
                  swapped ? "a big-endian file" : std::to_string(file.version));
    }
    MLXS_TRY(const uint64_t tensors, number<uint64_t>("the tensor count"));
    MLXS_TRY(const uint64_t keys, number<uint64_t>("the key count"));
    MLXS_CHECKED(check_limit("tensors", tensors, limits_.tensors_max));
    MLXS_CHECKED(check_limit("keys", keys, limits_.keys_max));
    for (uint64_t i = 0; i < keys; ++i) MLXS_CHECKED(read_key(file));
    MLXS_CHECKED(read_tensors(file, tensors));
    return file;
  }

 private:
  size_t left() const { return bytes_.size() - at_; }

  Error truncated(std::string_view what) const {
    return fail(ErrorCode::invalid_model, path_, "{}: ends at byte {} within {}: truncated?", path_, bytes_.size(),
                what);
  }

  Result<void> check_limit(std::string_view what, uint64_t found, size_t max) const {
    if (found <= max) return {};
    return fail(ErrorCode::resource_exhausted, path_, "{}: may have at most {} {}, found {}", path_, max, what, found);
  }

  template <typename T>
  Result<T> number(std::string_view what) {
    if (left() < sizeof(T)) return truncated(what);
    const T value = load<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> text(std::string_view what, size_t bytes_max) {
    MLXS_TRY(const uint64_t length, number<uint64_t>(what));
    if (length > left()) return truncated(what);
    if (length > bytes_max) {
      return fail(ErrorCode::resource_exhausted, path_, "{}: {} may have at most {} bytes, found {}", path_, what,
                  bytes_max, length);
    }
    const std::string_view value(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    return value;
  }

  Result<std::string> name(std::string_view what) {
    MLXS_TRY(const std::string_view value, text(what, limits_.name_bytes_max));
    if (value.empty() || !utf8::is_valid(value)) {
      return fail(ErrorCode::invalid_model, path_, "{}: {} must be UTF-8 and not empty, found '{}'", path_, what,
                  utf8::to_valid(value));
    }
    return std::string(value);
  }

  Result<GgufValueType> value_type(const std::string& key) {
    MLXS_TRY(const uint32_t type, number<uint32_t>("a value's type"));
    if (type > static_cast<uint32_t>(GgufValueType::f64)) {
      return fail(ErrorCode::invalid_model, key, "{}: key {}: a value's type must be 0 to 12, found {}", path_, key,
                  type);
    }
    return static_cast<GgufValueType>(type);
  }

  Result<void> read_key(GgufFile& file) {
    MLXS_TRY(std::string key, name("a key"));
    MLXS_TRY(const GgufValueType type, value_type(key));
    MLXS_TRY(GgufValue value, read_value(type, key));
    if (!file.metadata.emplace(key, std::move(value)).second) {
      return fail(ErrorCode::invalid_model, key, "{}: key {} appears twice", path_, key);
    }
    return {};
  }

  Result<GgufValue> read_value(GgufValueType type, const std::string& key) {
    if (type == GgufValueType::string) {
      MLXS_TRY(const std::string_view value, text("the value of " + key, limits_.string_bytes_max));
      return GgufValue(value);
    }
    if (type == GgufValueType::array) {
      MLXS_TRY(GgufArray value, read_array(key));
      return GgufValue(std::move(value));
    }
    const size_t size = fixed_bytes(type);
    if (left() < size) return truncated("the value of " + key);
    GgufValue value = load_value(type, bytes_.data() + at_);
    at_ += size;
    return value;
  }

  Result<GgufArray> read_array(const std::string& key) {
    GgufArray array;
    MLXS_TRY(array.type, value_type(key));
    if (array.type == GgufValueType::array) {
      return fail(ErrorCode::unsupported_model, key, "{}: key {}: arrays of arrays are not supported", path_, key);
    }
    MLXS_TRY(const uint64_t count, number<uint64_t>("an array's length"));
    MLXS_CHECKED(check_limit("elements in " + key, count, limits_.array_elements_max));
    array.count = count;
    if (array.type == GgufValueType::string) {
      if (count > left() / sizeof(uint64_t)) return truncated("the value of " + key);
      array.strings.reserve(count);
      for (uint64_t i = 0; i < count; ++i) {
        MLXS_TRY(const std::string_view element, text("an element of " + key, limits_.string_bytes_max));
        array.strings.push_back(element);
      }
      return array;
    }
    const size_t size = fixed_bytes(array.type) * count;  // at most 8 times a bounded count
    if (size > left()) return truncated("the value of " + key);
    array.bytes = bytes_.subspan(at_, size);
    at_ += size;
    return array;
  }

  Result<void> read_tensors(GgufFile& file, uint64_t count) {
    std::unordered_set<std::string> names;
    std::vector<uint64_t> offsets;
    for (uint64_t i = 0; i < count; ++i) {
      GgufTensor tensor;
      MLXS_TRY(tensor.name, name("a tensor's name"));
      if (!names.insert(tensor.name).second) return broken(tensor, "appears twice");
      MLXS_CHECKED(read_shape(tensor));
      MLXS_TRY(const uint32_t type, number<uint32_t>("a tensor's type"));
      const std::optional<GgmlType> known = ggml_type(type);
      if (!known) {
        return fail(ErrorCode::unsupported_model, tensor.name, "{}: tensor {}: element type {} is not known", path_,
                    tensor.name, type);
      }
      tensor.type = *known;
      MLXS_TRY(const uint64_t offset, number<uint64_t>("a tensor's offset"));
      offsets.push_back(offset);
      file.tensors.push_back(std::move(tensor));
    }
    MLXS_TRY(const std::span<const std::byte> data, data_section(file));
    for (size_t i = 0; i < file.tensors.size(); ++i) {
      MLXS_CHECKED(place(file.tensors[i], offsets[i], data));
    }
    return check_overlap(file);
  }

  Result<void> read_shape(GgufTensor& tensor) {
    MLXS_TRY(const uint32_t dims, number<uint32_t>("a tensor's shape"));
    if (dims > limits_.dims_max) {
      return broken(tensor, fmt::format("may have at most {} dimensions, found {}", limits_.dims_max, dims));
    }
    for (uint32_t i = 0; i < dims; ++i) {
      MLXS_TRY(const uint64_t size, number<uint64_t>("a tensor's shape"));
      if (size > static_cast<uint64_t>(limits_.dim_max)) {
        return broken(tensor, fmt::format("a dimension may be at most {}, found {}", limits_.dim_max, size));
      }
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(size));
    }
    return {};
  }

  // What follows the table, from the next multiple of the alignment.
  Result<std::span<const std::byte>> data_section(const GgufFile& file) {
    const int64_t wanted = file.integer("general.alignment").value_or(kAlignmentDefault);
    alignment_ = static_cast<uint64_t>(wanted);
    if (wanted <= 0 || alignment_ > kAlignmentMax || (alignment_ & (alignment_ - 1)) != 0) {
      return fail(ErrorCode::invalid_model, "general.alignment",
                  "{}: general.alignment must be a power of two up to {}, found {}", path_, kAlignmentMax, wanted);
    }
    const size_t start = (at_ + alignment_ - 1) & ~(alignment_ - 1);
    if (start > bytes_.size()) {
      if (file.tensors.empty()) return std::span<const std::byte>{};
      return truncated("the padding before the tensors");
    }
    return bytes_.subspan(start);
  }

  Result<void> place(GgufTensor& tensor, uint64_t offset, std::span<const std::byte> data) const {
    const uint64_t row = tensor.shape.empty() ? 1 : static_cast<uint64_t>(tensor.shape.back());
    if (row % block_elements(tensor.type) != 0) {
      return broken(tensor, fmt::format("{} needs rows of a multiple of {} elements, found {}", to_string(tensor.type),
                                        block_elements(tensor.type), to_string(tensor.shape)));
    }
    uint64_t bytes = row / block_elements(tensor.type) * block_bytes(tensor.type);
    for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
      if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(tensor.shape[i]), &bytes)) {
        return broken(tensor, "its shape has more than 2^64 bytes");
      }
    }
    if (offset % alignment_ != 0) {
      return broken(tensor, fmt::format("its offset must be a multiple of {}, found {}", alignment_, offset));
    }
    if (offset > data.size() || bytes > data.size() - offset) {
      return broken(tensor, fmt::format("{} {} needs {} bytes from {}, but the data ends at {}: truncated file?",
                                        to_string(tensor.type), to_string(tensor.shape), bytes, offset, data.size()));
    }
    tensor.bytes = data.subspan(offset, bytes);
    return {};
  }

  Result<void> check_overlap(const GgufFile& file) const {
    std::vector<const GgufTensor*> sorted;
    for (const GgufTensor& tensor : file.tensors) {
      if (!tensor.bytes.empty()) sorted.push_back(&tensor);
    }
    std::sort(sorted.begin(), sorted.end(),
              [](const GgufTensor* a, const GgufTensor* b) { return a->bytes.data() < b->bytes.data(); });
    for (size_t i = 1; i < sorted.size(); ++i) {
      const std::byte* end = sorted[i - 1]->bytes.data() + sorted[i - 1]->bytes.size();
      if (end > sorted[i]->bytes.data()) return broken(*sorted[i], "overlaps " + sorted[i - 1]->name);
    }
    return {};
  }

  Error broken(const GgufTensor& tensor, std::string_view what) const {
    return fail(ErrorCode::invalid_model, tensor.name, "{}: tensor {}: {}", path_, tensor.name, what);
  }

  std::span<const std::byte> bytes_;
  const std::string& path_;
  const GgufLimits& limits_;
  size_t at_ = 0;
  uint64_t alignment_ = kAlignmentDefault;
};

}  // namespace

double GgufArray::number(size_t i) const {
  check(i < count && type != GgufValueType::string, "an element of an array of numbers");
  const GgufValue value = load_value(type, bytes.data() + i * fixed_bytes(type));
  if (const auto* natural = std::get_if<uint64_t>(&value)) return static_cast<double>(*natural);
  if (const auto* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* single = std::get_if<float>(&value)) return static_cast<double>(*single);
  if (const auto* wide = std::get_if<double>(&value)) return *wide;
  return std::get<bool>(value) ? 1 : 0;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto it = metadata.find(key);
  return it == metadata.end() ? nullptr : &it->second;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const GgufTensor& t) { return t.name == name; });
  return it == tensors.end() ? nullptr : &*it;
}

std::optional<int64_t> GgufFile::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = std::get_if<int64_t>(value)) return *integer;
  const auto* natural = std::get_if<uint64_t>(value);
  if (natural == nullptr || *natural > INT64_MAX) return std::nullopt;
  return static_cast<int64_t>(*natural);
}

std::optional<double> GgufFile::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  // The shortest decimal of an f32 (1e-05, not 9.99999975e-06) is what its author wrote.
  if (const auto* single = std::get_if<float>(value)) {
    return std::isfinite(*single) ? std::stod(fmt::format("{}", *single)) : static_cast<double>(*single);
  }
  if (const auto* wide = std::get_if<double>(value)) return *wide;
  const std::optional<int64_t> whole = integer(key);
  return whole ? std::optional<double>(static_cast<double>(*whole)) : std::nullopt;
}

std::optional<bool> GgufFile::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  const bool* truth = value == nullptr ? nullptr : std::get_if<bool>(value);
  return truth == nullptr ? std::nullopt : std::optional<bool>(*truth);
}

std::optional<std::string_view> GgufFile::string(std::string_view key) const {
  const GgufValue* value = find(key);
  const std::string_view* text = value == nullptr ? nullptr : std::get_if<std::string_view>(value);
  return text == nullptr ? std::nullopt : std::optional<std::string_view>(*text);
}

const GgufArray* GgufFile::array(std::string_view key) const {
  const GgufValue* value = find(key);
  return value == nullptr ? nullptr : std::get_if<GgufArray>(value);
}

Result<GgufFile> parse_gguf(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                            const std::string& path, const GgufLimits& limits) {
  MLXS_TRY(GgufFile file, Reader(bytes, path, limits).read());
  file.owner = std::move(owner);
  return file;
}

Result<GgufFile> open_gguf(const std::string& path, const GgufLimits& limits) {
  MLXS_TRY(const std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return parse_gguf(file->bytes(), file, path, limits);
}

}  // namespace mlxserving::format
