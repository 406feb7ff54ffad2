#include "core/strict_json.h"

#include <fmt/format.h>

#include <string>
#include <unordered_set>
#include <vector>

#include "core/json_fault.h"
#include "core/result.h"
#include "core/utf8.h"

namespace mlxserving {
namespace {

constexpr size_t kFaultBytesMax = 300;    // the library repeats the token it was reading, however long
constexpr size_t kLinearMembersMax = 16;  // up to here comparing names is quicker than hashing them

class Builder {  // nlohmann's SAX interface
 public:
  explicit Builder(const StrictJsonLimits& limits) : limits_(limits) {}

  bool null() { return add(nullptr) != nullptr; }
  bool boolean(bool value) { return add(value) != nullptr; }
  bool number_integer(int64_t value) { return add(value) != nullptr; }
  bool number_unsigned(uint64_t value) { return add(value) != nullptr; }
  bool number_float(double value, const std::string&) { return add(value) != nullptr; }
  bool string(std::string& value) { return add(std::move(value)) != nullptr; }
  bool binary(Json::binary_t&) { return false; }

  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Frame& frame = open_.back();
    auto& members = frame.value->get_ref<Json::object_t&>();
    if (members.size() >= limits_.members_max) {
      return refuse(fmt::format("an object has more than {} members", limits_.members_max));
    }
    if (is_taken(frame, members, name)) return refuse(fmt::format("the name \"{}\" occurs twice in one object", name));
    // At the end without a search: ordered_map's own operator[] compares with every member before.
    members.emplace_back(std::move(name), nullptr);
    return true;
  }

  bool parse_error(size_t, const std::string&, const Json::exception& error) { return refuse(fault_of(error)); }

  Json take() { return std::move(root_); }
  const std::string& fault() const { return fault_; }

 private:
  struct Frame {
    Json* value;
    std::unordered_set<std::string> names = {};  // of an object with many members
  };

  bool refuse(std::string why) {
    fault_ = std::move(why);
    if (fault_.size() > kFaultBytesMax) fault_ = utf8::to_valid(fault_.substr(0, kFaultBytesMax)) + "...";
    return false;
  }

  static bool is_taken(Frame& frame, const Json::object_t& members, const std::string& name) {
    if (members.size() < kLinearMembersMax) {
      for (const auto& [known, value] : members) {
        if (known == name) return true;
      }
      return false;
    }
    if (frame.names.empty()) {
      for (const auto& [known, value] : members) frame.names.insert(known);
    }
    return !frame.names.insert(name).second;
  }

  Json* add(Json value) {
    if (++values_ > limits_.values_max) {
      refuse(fmt::format("the text has more than {} values", limits_.values_max));
      return nullptr;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back().value;
    if (parent.is_array()) {
      auto& items = parent.get_ref<Json::array_t&>();
      items.push_back(std::move(value));
      return &items.back();
    }
    auto& members = parent.get_ref<Json::object_t&>();
    members.back().second = std::move(value);
    return &members.back().second;
  }

  bool open(Json container) {
    if (open_.size() >= static_cast<size_t>(limits_.depth_max)) {
      return refuse(fmt::format("values are nested more than {} deep", limits_.depth_max));
    }
    Json* added = add(std::move(container));
    if (added == nullptr) return false;
    open_.push_back({added});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const StrictJsonLimits& limits_;
  Json root_;
  std::vector<Frame> open_;
  size_t values_ = 0;
  std::string fault_;
};

}  // namespace

Result<Json> parse_strict_json(std::string_view text, const StrictJsonLimits& limits) {
  // The parser takes a NUL for the end of the text, whatever follows.
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(ErrorCode::invalid_request, "", "byte {} is a NUL", nul);
  }
  Builder builder(limits);
  if (Json::sax_parse(text, &builder)) return builder.take();
  return Error{ErrorCode::invalid_request, builder.fault(), ""};
}

}  // namespace mlxserving
