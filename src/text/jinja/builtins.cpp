#include "text/jinja/builtins.h"

#include <algorithm>

namespace mlxserving::text::jinja {

NativeCode find_in(std::span<const Builtin> table, std::string_view name) {
  for (const Builtin& row : table) {
    if (row.name == name) return row.code;
  }
  return nullptr;
}

NativeCode find_filter(std::string_view name) {
  for (const auto table : {text_filters(), sequence_filters(), number_filters(), markup_filters()}) {
    if (const NativeCode code = find_in(table, name)) return code;
  }
  return nullptr;
}

NativeCode find_test(std::string_view name) { return find_in(tests(), name); }

bool is_unsafe_method(Kind kind, std::string_view name) {
  constexpr std::string_view kOfList[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  constexpr std::string_view kOfDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  const auto has = [name](auto& names) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  return (kind == Kind::list && has(kOfList)) || (kind == Kind::dict && has(kOfDict));
}

std::vector<std::pair<std::string, Value>> make_globals() {
  std::vector<std::pair<std::string, Value>> values;
  for (const Builtin& row : globals()) {
    auto function = std::make_shared<Function>();
    function->name = row.name;
    function->code = row.code;
    values.emplace_back(row.name, Value::object(Kind::function, std::move(function)));
  }
  return values;
}

}  // namespace mlxserving::text::jinja
