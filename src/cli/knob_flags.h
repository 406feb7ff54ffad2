// The sampling knobs as command-line flags, made from their table.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mlxserving/error.h"
#include "mlxserving/request.h"

namespace mlxserving::cli {

// Declares a flag for every knob on `command` and reads what was given.
class KnobFlags {
 public:
  explicit KnobFlags(CLI::App& command);

  // After parsing: `defaults` with the given knobs set, each checked against its row.
  Result<SamplingParams> read(SamplingParams defaults = {}) const;

 private:
  std::map<std::string, std::vector<std::string>> texts_;  // by knob name, as given; booleans count as "true"
  std::map<std::string, bool> switches_;
};

// Sets the knob of this name from text, as its flag would.
Result<void> read_knob_text(SamplingParams& params, const std::string& name, const std::string& text);

}  // namespace mlxserving::cli
