// What is wrong with a configuration file, what it says for nothing, and what was perhaps meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::config {

enum class FileKind { runtime, telemetry, flags };
enum class Severity {
  error,    // the runtime would not start
  warning,  // a key that nothing reads
  note,     // a key that is accepted for compatibility and has no effect
};

const char* to_string(FileKind kind);
const char* to_string(Severity severity);

struct Finding {
  Severity severity;
  int line = 0;  // 0: of the whole file
  std::string key;
  std::string message;
  std::string suggestion = {};  // the key that was perhaps meant
};

// By the file's name: telemetry.yaml, feature-flags.yaml, anything else is runtime.yaml.
FileKind kind_of(std::string_view path);

// In the order of lines. Errors only where the file cannot be read at all; bad YAML is a finding.
std::vector<Finding> check_config(std::string_view text, const std::string& name, FileKind kind);

}  // namespace mlxserving::config
