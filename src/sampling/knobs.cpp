#include "sampling/knobs.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving::sampling {
namespace {

constexpr SamplerOrder kOrders[] = {SamplerOrder::default_, SamplerOrder::mlx};

template <typename T>
constexpr bool kIsList = false;
template <typename T>
constexpr bool kIsList<std::vector<T>> = true;

template <typename T>
constexpr const char* kTypeName = "an integer";
template <>
constexpr const char* kTypeName<double> = "a number";
template <>
constexpr const char* kTypeName<bool> = "true or false";
template <>
constexpr const char* kTypeName<std::vector<std::string>> = "a string or a list of strings";
template <>
constexpr const char* kTypeName<std::vector<int32_t>> = "a list of token ids";
template <>
constexpr const char* kTypeName<std::vector<TokenBias>> = "an object of token ids and numbers";
template <>
constexpr const char* kTypeName<SamplerOrder> = "\"default\" or \"mlx\"";

// The type behind a member pointer.
template <typename M>
struct FieldType;
template <typename T>
struct FieldType<T SamplingParams::*> {
  using type = T;
};
template <typename M>
using field_t = typename FieldType<std::decay_t<M>>::type;

// A double as people write it: 0.1, 2, -9223372036854775808.
std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

bool in_range(double value, const KnobRange& range) {
  if (range.above_min ? value <= range.min : value < range.min) return false;
  return value <= range.max;  // false for NaN
}

std::string interval(const KnobRange& range) {
  if (range.min < -kInt32Max - 1) return "[-9223372036854775808, 9223372036854775807]";
  return fmt::format("{}{}, {}]", range.above_min ? "(" : "[", number_text(range.min), number_text(range.max));
}

Error out_of_range(const Knob& knob, const std::string& seen) {
  return fail(ErrorCode::invalid_request, knob.name, "{} must be in {}, got {}", knob.name, interval(knob.range), seen);
}

// ------------------------------------------------------------------------------------------------------ checks by type

Result<void> check_value(const Knob& knob, double value) {
  if (std::isnan(value)) return out_of_range(knob, "NaN");
  if (!in_range(value, knob.range)) return out_of_range(knob, number_text(value));
  return {};
}

Result<void> check_value(const Knob& knob, int32_t value) { return check_value(knob, static_cast<double>(value)); }
Result<void> check_value(const Knob&, bool) { return {}; }
Result<void> check_value(const Knob&, SamplerOrder) { return {}; }

Result<void> check_value(const Knob& knob, const std::optional<int32_t>& value) {
  return value ? check_value(knob, *value) : Result<void>();
}

// Any 64-bit integer is a seed.
Result<void> check_value(const Knob&, const std::optional<int64_t>&) { return {}; }

Result<void> check_count(const Knob& knob, size_t items) {
  if (items <= knob.range.items_max) return {};
  return fail(ErrorCode::invalid_request, knob.name, "{} must have at most {} items, got {}", knob.name,
              knob.range.items_max, items);
}

Result<void> check_value(const Knob& knob, const std::vector<std::string>& items) {
  MLXS_CHECKED(check_count(knob, items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", knob.name, i);
    if (items[i].empty() || items[i].size() > knob.range.bytes_max) {
      return fail(ErrorCode::invalid_request, path, "{} must have 1 to {} bytes, got {}", path, knob.range.bytes_max,
                  items[i].size());
    }
    if (!utf8::is_valid(items[i])) return fail(ErrorCode::invalid_request, path, "{} must be valid UTF-8", path);
  }
  return {};
}

Result<void> check_value(const Knob& knob, const std::vector<int32_t>& items) {
  MLXS_CHECKED(check_count(knob, items.size()));
  for (const int32_t item : items) MLXS_CHECKED(check_value(knob, item));
  return {};
}

Result<void> check_value(const Knob& knob, const std::vector<TokenBias>& items) {
  MLXS_CHECKED(check_count(knob, items.size()));
  for (const TokenBias& item : items) {
    if (item.token < 0) {
      return fail(ErrorCode::invalid_request, knob.name, "{} must name token ids from 0, got {}", knob.name,
                  item.token);
    }
    MLXS_CHECKED(check_value(knob, item.bias));
  }
  return {};
}

// -------------------------------------------------------------------------------------------------- from JSON, by type

Error wrong_type(const Knob& knob, const Json& value) {
  const std::string seen = value.is_structured() ? value.type_name() : to_text(value);
  return fail(ErrorCode::invalid_request, knob.name, "{} must be {}, got {}", knob.name, type_of(knob), seen);
}

// Integers may also come as 3.0, as some clients write them.
std::optional<int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return {};
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return {};
  const double number = value.get<double>();
  if (number != std::floor(number) || std::fabs(number) > 9007199254740992.0) return {};
  return static_cast<int64_t>(number);
}

Result<void> read_value(const Knob& knob, const Json& value, double& out) {
  if (!value.is_number()) return wrong_type(knob, value);
  out = value.get<double>();
  return {};
}

Result<void> read_value(const Knob& knob, const Json& value, int32_t& out) {
  if (!value.is_number()) return wrong_type(knob, value);
  const std::optional<int64_t> number = whole_number(value);
  if (!number)
    return fail(ErrorCode::invalid_request, knob.name, "{} must be an integer in {}, got {}", knob.name,
                interval(knob.range), to_text(value));
  if (!in_range(static_cast<double>(*number), knob.range)) return out_of_range(knob, to_text(value));
  out = static_cast<int32_t>(*number);
  return {};
}

Result<void> read_value(const Knob& knob, const Json& value, std::optional<int32_t>& out) {
  return read_value(knob, value, out.emplace());
}

Result<void> read_value(const Knob& knob, const Json& value, std::optional<int64_t>& out) {
  if (!value.is_number()) return wrong_type(knob, value);
  out = whole_number(value);
  return out ? Result<void>() : out_of_range(knob, to_text(value));
}

Result<void> read_value(const Knob& knob, const Json& value, bool& out) {
  if (!value.is_boolean()) return wrong_type(knob, value);
  out = value.get<bool>();
  return {};
}

Result<void> read_value(const Knob& knob, const Json& value, SamplerOrder& out) {
  for (const SamplerOrder order : kOrders) {
    if (value != to_string(order)) continue;
    out = order;
    return {};
  }
  return wrong_type(knob, value);
}

Result<void> read_value(const Knob& knob, const Json& value, std::vector<std::string>& out) {
  out.clear();
  if (value.is_string()) out.push_back(value.get<std::string>());
  if (value.is_string()) return {};
  if (!value.is_array()) return wrong_type(knob, value);
  MLXS_CHECKED(check_count(knob, value.size()));
  for (const Json& item : value) {
    if (!item.is_string()) return wrong_type(knob, item);
    out.push_back(item.get<std::string>());
  }
  return {};
}

Result<void> read_value(const Knob& knob, const Json& value, std::vector<int32_t>& out) {
  out.clear();
  if (!value.is_array()) return wrong_type(knob, value);
  MLXS_CHECKED(check_count(knob, value.size()));
  for (const Json& item : value) MLXS_CHECKED(read_value(knob, item, out.emplace_back()));
  return {};
}

std::optional<int32_t> token_id(std::string_view text) {
  int32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) return {};
  return id;
}

Result<void> read_value(const Knob& knob, const Json& value, std::vector<TokenBias>& out) {
  out.clear();
  if (!value.is_object()) return wrong_type(knob, value);
  MLXS_CHECKED(check_count(knob, value.size()));
  for (const auto& [key, bias] : value.items()) {
    const std::optional<int32_t> id = token_id(key);
    if (!id) {
      return fail(ErrorCode::invalid_request, knob.name, "{} must have token ids as keys, got \"{}\"", knob.name, key);
    }
    if (!bias.is_number()) return wrong_type(knob, bias);
    out.push_back({*id, bias.get<double>()});
  }
  return {};
}

// ------------------------------------------------------------------------------------------------- from texts, by type

// A command-line word as the JSON value its knob wants.
Result<Json> word_to_json(const Knob& knob, const std::string& text) {
  if (std::holds_alternative<KnobMember<SamplerOrder>>(knob.field)) return Json(text);
  Result<Json> value = parse_json(text, knob.name, {.bytes_max = 4096, .depth_max = 4});
  if (value) return value;
  return wrong_type(knob, Json(text));
}

Result<Json> words_to_json(const Knob& knob, std::span<const std::string> texts) {
  Json list = Json::array();
  if (std::holds_alternative<KnobMember<std::vector<std::string>>>(knob.field)) {
    for (const std::string& text : texts) list.push_back(text);
    return list;
  }
  const bool biases = std::holds_alternative<KnobMember<std::vector<TokenBias>>>(knob.field);
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "" : ",") + text;
  if (!biases) return word_to_json(knob, "[" + joined + "]");
  if (!joined.empty() && joined.front() == '{') return word_to_json(knob, joined);
  std::string object;
  for (const char c : joined) object += c == ':' ? "\":" : c == ',' ? ",\"" : std::string(1, c);
  Result<Json> value = word_to_json(knob, joined.empty() ? "{}" : "{\"" + object + "}");
  if (value) return value;
  return fail(ErrorCode::invalid_request, knob.name, "{} must be token ids with what is added, such as 12:-1.5, got {}",
              knob.name, joined);
}

// ------------------------------------------------------------------------------------------------ as JSON text, by
// type

std::string value_text(double value) { return number_text(value); }
std::string value_text(int32_t value) { return std::to_string(value); }
std::string value_text(bool value) { return value ? "true" : "false"; }
std::string value_text(SamplerOrder value) { return fmt::format("\"{}\"", to_string(value)); }
std::string value_text(const std::vector<TokenBias>&) { return "{}"; }  // the default has no entries

template <typename T>
std::string value_text(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "null";
}

template <typename T>
std::string value_text(const std::vector<T>& value) {
  return to_text(Json(value));
}

}  // namespace

const char* to_string(SamplerOrder order) {
  switch (order) {
    case SamplerOrder::default_: return "default";
    case SamplerOrder::mlx: return "mlx";
  }
  return "default";
}

const Knob* find_knob(std::string_view name) {
  for (const Knob& knob : kKnobs) {
    if (name == knob.name) return &knob;
  }
  return nullptr;
}

Result<void> validate(const SamplingParams& params) {
  for (const Knob& knob : kKnobs) {
    MLXS_CHECKED(std::visit([&](auto member) { return check_value(knob, params.*member); }, knob.field));
  }
  return {};
}

Result<void> read_knob(SamplingParams& params, const Knob& knob, const Json& value) {
  const SamplingParams defaults;
  return std::visit(
      [&](auto member) -> Result<void> {
        auto field = defaults.*member;
        if (!value.is_null()) MLXS_CHECKED(read_value(knob, value, field));
        MLXS_CHECKED(check_value(knob, field));
        params.*member = std::move(field);
        return {};
      },
      knob.field);
}

Result<SamplingParams> read_knobs(const Json& object) {
  SamplingParams params;
  for (const Knob& knob : kKnobs) {
    if (const auto found = object.find(knob.name); found != object.end()) {
      MLXS_CHECKED(read_knob(params, knob, *found));
    }
  }
  return params;
}

Result<void> read_knob_texts(SamplingParams& params, const Knob& knob, std::span<const std::string> texts) {
  if (texts.empty()) return {};
  MLXS_TRY(const Json value, is_list(knob) ? words_to_json(knob, texts) : word_to_json(knob, texts.back()));
  return read_knob(params, knob, value);
}

std::string flag_of(const Knob& knob) {
  std::string flag = "--";
  for (const char c : std::string_view(knob.name)) flag += c == '_' ? '-' : c;
  return flag;
}

bool is_list(const Knob& knob) {
  return std::visit([](auto member) { return kIsList<field_t<decltype(member)>>; }, knob.field);
}

std::string type_of(const Knob& knob) {
  return std::visit([](auto member) { return std::string(kTypeName<field_t<decltype(member)>>); }, knob.field);
}

std::string range_of(const Knob& knob) {
  const KnobRange& range = knob.range;
  if (range.bytes_max > 0) return fmt::format("up to {}, each 1 to {} bytes", range.items_max, range.bytes_max);
  if (range.items_max > 0) return fmt::format("up to {}, each in {}", range.items_max, interval(range));
  return range.min == range.max ? "" : interval(range);
}

std::string default_of(const Knob& knob) {
  const SamplingParams defaults;
  return std::visit([&](auto member) { return value_text(defaults.*member); }, knob.field);
}

std::string knob_table_markdown() {
  std::string out = "| knob | type | allowed | default | what it does |\n|---|---|---|---|---|\n";
  for (const Knob& knob : kKnobs) {
    out += fmt::format("| `{}` | {} | {} | `{}` | {} |\n", knob.name, type_of(knob), range_of(knob), default_of(knob),
                       knob.doc);
  }
  return out;
}

}  // namespace mlxserving::sampling
