// Calls as JSON objects behind each other: one alone, several with a separator, or a list.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/dialects/call_reader.h"

namespace mlxserving::text {

struct JsonSequenceOptions {
  std::vector<std::string> names = {};  // the only ones accepted; empty: any
  char separator = '\0';                // between objects that are in no list
  bool list = true;                     // [{...}, {...}] too
  bool fence = false;                   // ```json ... ``` around it too
};
std::unique_ptr<CallReader> read_json_sequence(JsonSequenceOptions options);

}  // namespace mlxserving::text
