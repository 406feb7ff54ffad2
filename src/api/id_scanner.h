// Which id a message has that cannot be parsed, so that its sender can be told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"

namespace mlxserving::api {

// Reads the bytes of a line that is broken or too long, in any number of parts, and keeps no more than one member of
// the outermost object. Gives the value of its member "id" if there is one, only one, and it is a string or a number.
class IdScanner {
 public:
  void feed(std::string_view bytes);
  std::optional<Json> id() const { return ambiguous_ ? std::nullopt : id_; }

 private:
  void take(char c);
  void take_in_string(char c);
  void end_value();

  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool is_value_ = false;  // after the colon of an outermost member
  bool too_long_ = false;
  bool ambiguous_ = false;
  std::string name_;   // of the outermost member that is being read
  std::string token_;  // as it stands in the text
  std::optional<Json> id_;
};

}  // namespace mlxserving::api
