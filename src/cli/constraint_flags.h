// The form of the answer, from the command line: one flag a kind of constraint.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "mlxserving/constraint.h"
#include "mlxserving/error.h"

namespace mlxserving::cli {

// The content of the file of this name, or the text itself where there is none. Errors: those of reading.
Result<std::string> file_or_text(const std::string& argument);

class ConstraintFlags {
 public:
  explicit ConstraintFlags(CLI::App& command);

  // After parsing: what was asked for, free text where nothing was. Errors: those of reading a file.
  Result<Constraint> read() const;

 private:
  void declare_layout(CLI::App& command);

  bool json_object_ = false;
  std::string json_schema_, regex_, gbnf_, lark_, xml_;
  std::vector<std::string> choices_;
  JsonLayout layout_;
};

}  // namespace mlxserving::cli
