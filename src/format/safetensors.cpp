#include "format/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "core/json.h"
#include "core/json_fault.h"
#include "core/mapped_file.h"
#include "core/result.h"

namespace mlxserving::format {
namespace {

constexpr size_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

// One tensor as the header claims it to be.
struct Entry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> data_offsets;
};

// Takes the header in as the parser walks it, so that a duplicate key is seen and nothing deeper than
// {name: {key: [number]}} is ever built. The first thing that does not belong ends the walk with `error`.
class HeaderReader final : public Json::json_sax_t {
 public:
  HeaderReader(const std::string& path, const SafetensorsLimits& limits) : path_(path), limits_(limits) {}

  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
  std::optional<Error> error;

  bool start_object(size_t) override {
    if (array_ != nullptr || depth_ == 2) return unexpected("an object");
    if (depth_ == 1 && !in_metadata_)
      entries.push_back({.name = tensor_, .dtype = {}, .shape = {}, .data_offsets = {}});
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(string_t& name) override { return depth_ == 1 ? begin_tensor(name) : begin_field(name); }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata_ || array_ != nullptr) return unexpected("an array");
    Entry& entry = entries.back();
    if (field_ == "shape") array_ = &entry.shape.emplace();
    if (field_ == "data_offsets") array_ = &entry.data_offsets.emplace();
    return array_ != nullptr || unexpected("an array");
  }
  bool end_array() override {
    array_ = nullptr;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (array_ == nullptr) return unexpected("a number");
    const size_t count_max = field_ == "shape" ? limits_.dims_max : 2;
    if (array_->size() == count_max) {
      return stop(fail(ErrorCode::invalid_model, tensor_, "{}: tensor {}: {} may have at most {} numbers, found more",
                       path_, tensor_, field_, count_max));
    }
    array_->push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (array_ != nullptr || depth_ != 2) return unexpected("a string");
    if (in_metadata_) return metadata.emplace(field_, value).second || duplicate(field_);
    if (field_ != "dtype") return unexpected("a string");
    entries.back().dtype = value;
    return true;
  }
  // MLX writes the metadata as null where it was given none.
  bool null() override { return (depth_ == 1 && in_metadata_) || unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return unexpected("a fraction or a number over 2^64"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool parse_error(size_t, const std::string&, const Json::exception& e) override {
    return stop(fail(ErrorCode::invalid_model, path_, "{}: the header is not valid JSON: {}", path_, fault_of(e)));
  }

 private:
  bool stop(Error e) {
    if (!error) error = std::move(e);
    return false;
  }
  bool unexpected(std::string_view what) {
    return stop(fail(ErrorCode::invalid_model, tensor_.empty() ? path_ : tensor_,
                     "{}: the header must be {{name: {{dtype: string, shape: [sizes], data_offsets: [begin, end]}}}}, "
                     "found {}{}{}{}{}",
                     path_, what, tensor_.empty() ? "" : " in ", tensor_, field_.empty() ? "" : ".", field_));
  }
  bool duplicate(std::string_view what) {
    return stop(fail(ErrorCode::invalid_model, std::string(what), "{}: the header names {} twice", path_, what));
  }
  bool begin_tensor(const std::string& name) {
    tensor_ = name;
    field_.clear();
    in_metadata_ = name == kMetadataKey;
    if (name.empty() || name.size() > limits_.name_bytes_max) {
      return stop(fail(ErrorCode::invalid_model, path_, "{}: a tensor's name must have 1 to {} bytes, found {}", path_,
                       limits_.name_bytes_max, name.size()));
    }
    if (!names_.insert(name).second) return duplicate(name);
    if (entries.size() == limits_.tensors_max && !in_metadata_) {
      return stop(fail(ErrorCode::resource_exhausted, path_, "{}: may have at most {} tensors, found more", path_,
                       limits_.tensors_max));
    }
    return true;
  }
  bool begin_field(const std::string& name) {
    field_ = name;
    if (in_metadata_) return true;
    const Entry& entry = entries.back();
    if (name == "dtype") return !entry.dtype || duplicate(tensor_ + ".dtype");
    if (name == "shape") return !entry.shape || duplicate(tensor_ + ".shape");
    if (name == "data_offsets") return !entry.data_offsets || duplicate(tensor_ + ".data_offsets");
    return unexpected("an unknown key");
  }

  const std::string& path_;
  const SafetensorsLimits& limits_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::string tensor_;
  std::string field_;
  std::vector<uint64_t>* array_ = nullptr;
  std::unordered_set<std::string> names_;
};

Result<std::string_view> header_text(std::span<const std::byte> bytes, const std::string& path,
                                     const SafetensorsLimits& limits) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs")) {
    return fail(ErrorCode::invalid_model, path,
                "{}: this is a Git LFS pointer, not the file; fetch it with `git lfs pull`", path);
  }
  if (bytes.size() < kLengthBytes) {
    return fail(ErrorCode::invalid_model, path, "{}: a safetensors file has at least {} bytes, found {}", path,
                kLengthBytes, bytes.size());
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > limits.header_bytes_max) {
    return fail(ErrorCode::invalid_model, path,
                "{}: the header must be at most {} bytes, found {}: not a safetensors file?", path,
                limits.header_bytes_max, length);
  }
  if (length > bytes.size() - kLengthBytes) {
    return fail(ErrorCode::invalid_model, path, "{}: the header has {} bytes but the file ends after {}: truncated?",
                path, length, bytes.size() - kLengthBytes);
  }
  return text.substr(kLengthBytes, length);
}

Result<Shape> checked_shape(const Entry& entry, const std::string& path, const SafetensorsLimits& limits) {
  Shape shape;
  for (const uint64_t size : *entry.shape) {
    if (size > static_cast<uint64_t>(limits.dim_max)) {
      return fail(ErrorCode::invalid_model, entry.name, "{}: tensor {}: a dimension may be at most {}, found {}", path,
                  entry.name, limits.dim_max, size);
    }
    shape.push_back(static_cast<int64_t>(size));
  }
  return shape;
}

// The bytes that dtype and shape ask for; an overflow is an error.
Result<uint64_t> expected_bytes(const Entry& entry, DType dtype, const std::string& path) {
  uint64_t bytes = size_of(dtype);
  for (const uint64_t size : *entry.shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) {
      return fail(ErrorCode::invalid_model, entry.name, "{}: tensor {}: its shape has more than 2^64 bytes", path,
                  entry.name);
    }
  }
  return bytes;
}

Result<Tensor> checked_tensor(const Entry& entry, std::span<const std::byte> data, const std::string& path,
                              const SafetensorsLimits& limits) {
  const auto broken = [&](std::string text) {
    return fail(ErrorCode::invalid_model, entry.name, "{}: tensor {}: {}", path, entry.name, text);
  };
  if (!entry.dtype || !entry.shape || !entry.data_offsets) {
    return broken("needs dtype, shape and data_offsets, found less");
  }
  const std::optional<DType> dtype = dtype_from_safetensors_name(*entry.dtype);
  if (!dtype) {
    return fail(ErrorCode::unsupported_model, entry.name,
                "{}: tensor {}: element type {} is not supported; known are BOOL, I8-I64, U8-U64, F16, BF16, F32, C64, "
                "F8_E4M3, F8_E8M0",
                path, entry.name, *entry.dtype);
  }
  if (entry.data_offsets->size() != 2) {
    return broken(fmt::format("data_offsets must be [begin, end], found {} numbers", entry.data_offsets->size()));
  }
  const uint64_t begin = (*entry.data_offsets)[0];
  const uint64_t end = (*entry.data_offsets)[1];
  if (begin > end) return broken(fmt::format("data_offsets run backwards: [{}, {}]", begin, end));
  if (end > data.size()) {
    return broken(fmt::format("ends at byte {} of the data, but there are {}: truncated file?", end, data.size()));
  }
  MLXS_TRY(const uint64_t expected, expected_bytes(entry, *dtype, path));
  MLXS_TRY(Shape shape, checked_shape(entry, path, limits));
  if (expected != end - begin) {
    return broken(fmt::format("{} {} needs {} bytes, data_offsets give {}", *entry.dtype, to_string(shape), expected,
                              end - begin));
  }
  Tensor tensor;
  tensor.name = entry.name;
  tensor.dtype = *dtype;
  tensor.shape = std::move(shape);
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

// Tensors sorted by their bytes must follow each other exactly, as the format demands: what overlaps was made to
// deceive and what leaves a gap hides something.
Result<void> check_coverage(const std::vector<Tensor>& tensors, std::span<const std::byte> data,
                            const std::string& path) {
  size_t covered = 0;
  for (const Tensor& tensor : tensors) {
    const auto begin = static_cast<size_t>(tensor.bytes.data() - data.data());
    if (begin != covered) {
      return fail(ErrorCode::invalid_model, tensor.name,
                  "{}: tensor {}: begins at byte {} of the data, expected {}: {}", path, tensor.name, begin, covered,
                  begin < covered ? "it overlaps its neighbour" : "there is a gap");
    }
    covered += tensor.bytes.size();
  }
  if (covered != data.size()) {
    return fail(ErrorCode::invalid_model, path, "{}: {} bytes follow the last tensor, expected none", path,
                data.size() - covered);
  }
  return {};
}

}  // namespace

Result<SafetensorsFile> parse_safetensors(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                                          const std::string& path, const SafetensorsLimits& limits) {
  MLXS_TRY(const std::string_view header, header_text(bytes, path, limits));
  if (header.find('\0') != std::string_view::npos) {  // which the parser takes for the end
    return fail(ErrorCode::invalid_model, path, "{}: the header is not valid JSON: it holds a NUL", path);
  }
  HeaderReader reader(path, limits);
  if (!Json::sax_parse(header, &reader)) {
    return reader.error ? *reader.error : fail(ErrorCode::invalid_model, path, "{}: the header is not valid", path);
  }
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + header.size());
  SafetensorsFile file{.path = path, .metadata = std::move(reader.metadata), .tensors = {}};
  file.tensors.reserve(reader.entries.size());
  for (const Entry& entry : reader.entries) {
    MLXS_TRY(Tensor tensor, checked_tensor(entry, data, path, limits));
    tensor.owner = owner;
    file.tensors.push_back(std::move(tensor));
  }
  std::sort(file.tensors.begin(), file.tensors.end(), [](const Tensor& a, const Tensor& b) {
    return std::pair(a.bytes.data(), a.bytes.size()) < std::pair(b.bytes.data(), b.bytes.size());
  });
  MLXS_CHECKED(check_coverage(file.tensors, data, path));
  return file;
}

Result<SafetensorsFile> open_safetensors(const std::string& path, const SafetensorsLimits& limits) {
  MLXS_TRY(const std::shared_ptr<const MappedFile> file, MappedFile::open(path));
  return parse_safetensors(file->bytes(), file, path, limits);
}

}  // namespace mlxserving::format
