// YAML as JSON, with the line of each value for messages.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"

namespace mlxserving::config {

constexpr size_t kYamlBytesMax = size_t{1} << 20;
constexpr int kYamlDepthMax = 32;
constexpr size_t kYamlValuesMax = 20'000;  // after aliases are replaced by what they stand for

struct Yaml {
  Json value;
  std::map<std::string, int> lines;  // "json_rpc.retry.jitter" → 17; items of lists by their index
};

// One document, in YAML's core schema (as JavaScript's readers have it: `yes` is a text). `name` stands in errors.
// Errors: invalid_request, "runtime.yaml:12: ..."; a name that a mapping has twice is one.
Result<Yaml> parse_yaml(std::string_view text, const std::string& name);

}  // namespace mlxserving::config
