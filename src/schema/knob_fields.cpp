// The table of sampling knobs (mlxserving/request.h) in the words of this folder.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "mlxserving/request.h"
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

constexpr const char* kOrders[] = {"default", "mlx"};

Range range_of(const KnobRange& range) { return {range.min, range.max, range.above_min}; }

Type string_items(const KnobRange& range) { return text().sized(1, range.bytes_max); }

// The types that rows point to; they live as long as the program.
const Type& keep(const Type& type) {
  static std::deque<Type> kept;
  return kept.emplace_back(type);
}

template <typename T>
Type type_of(const KnobRange& range) {
  if constexpr (std::is_same_v<T, double>) {
    return number(range_of(range));
  } else if constexpr (std::is_same_v<T, bool>) {
    return boolean();
  } else if constexpr (std::is_same_v<T, SamplerOrder>) {
    return choice(kOrders);
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    return list_of(keep(string_items(range))).sized(0, range.items_max);
  } else if constexpr (std::is_same_v<T, std::vector<int32_t>>) {
    return list_of(keep(integer(range_of(range)))).sized(0, range.items_max);
  } else if constexpr (std::is_same_v<T, std::vector<TokenBias>>) {
    return map_of(keep(number(range_of(range)))).sized(0, range.items_max);
  } else {
    return integer(range_of(range)).or_null();
  }
}

std::vector<Field> make_knob_fields() {
  std::vector<Field> fields;
  for (const Knob& knob : kKnobs) {
    const Type type = std::visit([&]<typename T>(T SamplingParams::*) { return type_of<T>(knob.range); }, knob.field);
    fields.push_back({.name = knob.name, .type = type, .doc = knob.doc});
  }
  return fields;
}

bool names(const Field& field, std::string_view name) {
  return field.name == name || (field.also != nullptr && field.also == name);
}

using FieldsByMessage = std::map<const Message*, std::vector<Field>>;

FieldsByMessage make_fields_with_knobs() {
  const std::vector<Field> knobs = make_knob_fields();
  FieldsByMessage fields;
  std::vector<const Message*> messages(all_messages().begin(), all_messages().end());
  messages.insert(messages.end(), http_messages().begin(), http_messages().end());
  for (const Message* message : messages) {
    if (!message->knobs) continue;
    std::vector<Field>& rows = fields[message];
    rows.assign(message->fields.begin(), message->fields.end());
    const std::span<const Field> own = message->fields;
    for (const Field& knob : knobs) {
      if (std::none_of(own.begin(), own.end(), [&](const Field& row) { return names(row, knob.name); })) {
        rows.push_back(knob);
      }
    }
  }
  return fields;
}

}  // namespace

std::span<const Field> fields_of(const Message& message) {
  if (!message.knobs) return message.fields;
  static const FieldsByMessage fields = make_fields_with_knobs();
  return fields.at(&message);
}

const Field* find_field(const Message& message, std::string_view name) {
  for (const Field& field : fields_of(message)) {
    if (names(field, name)) return &field;
  }
  return nullptr;
}

}  // namespace mlxserving::schema
