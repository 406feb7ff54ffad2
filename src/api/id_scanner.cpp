#include "api/id_scanner.h"

namespace mlxserving::api {
namespace {

constexpr size_t kTokenBytesMax = 512;  // more than any id that is allowed

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

void IdScanner::feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (in_string_) {
      take_in_string(c);
    } else {
      take(c);
    }
    if (token_.size() > kTokenBytesMax) {
      token_.clear();
      too_long_ = true;
    }
  }
}

void IdScanner::take_in_string(char c) {
  if (depth_ == 1) token_ += c;
  if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == '"') {
    in_string_ = false;
  }
}

void IdScanner::take(char c) {
  switch (c) {
    case '"': in_string_ = true; break;
    case '{':
    case '[': ++depth_; return;
    case '}':
    case ']':
      if (depth_ == 1) end_value();
      --depth_;
      return;
    case ':':
      if (depth_ != 1) return;
      name_ = too_long_ ? "" : token_;
      token_.clear();
      too_long_ = false;
      is_value_ = true;
      return;
    case ',':
      if (depth_ == 1) end_value();
      return;
    default: break;
  }
  if (depth_ == 1 && !is_space(c)) token_ += c;
}

void IdScanner::end_value() {
  if (is_value_ && !too_long_ && name_ == "\"id\"") {
    Json value = Json::parse(token_, nullptr, false);
    if (value.is_string() || value.is_number()) {
      ambiguous_ = ambiguous_ || (id_ && *id_ != value);
      id_ = std::move(value);
    }
  }
  is_value_ = false;
  too_long_ = false;
  token_.clear();
}

}  // namespace mlxserving::api
