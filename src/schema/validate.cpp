#include "schema/validate.h"

#include <algorithm>
#include <cmath>

#include "core/result.h"
#include "schema/wording.h"

namespace mlxserving::schema {
namespace {

// As in Zod: after a broken value (aborted) nothing more is asked of what holds it; a value that is only out of its
// limits (dirty) is still of its type.
enum class Verdict { valid, dirty, aborted };

Verdict worse(Verdict a, Verdict b) { return std::max(a, b); }

// A step of the path while walking: borrowed, so that a valid message costs no allocation.
struct Step {
  std::string_view name;
  size_t index = 0;
  bool is_index = false;
};

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

const Json* member(const Json& value, const char* name) {
  if (name == nullptr) return nullptr;
  const auto found = value.find(name);
  return found == value.end() ? nullptr : &*found;
}

class Checker {
 public:
  Checker(const Options& options, std::vector<Issue>& issues) : options_(options), issues_(&issues) {
    path_.reserve(8);
  }

  // `value` is null when the member is absent.
  Verdict check(const Json* value, const Type& type, Voice voice) {
    if (value != nullptr && value->is_null() && type.nullable) return Verdict::valid;
    switch (type.kind) {
      case Kind::any: return Verdict::valid;
      case Kind::boolean: return of_type(value, type, voice, value != nullptr && value->is_boolean());
      case Kind::integer:
      case Kind::number: return check_number(value, type, voice);
      case Kind::string: return check_text(value, type, voice);
      case Kind::choice: return check_choice(value, type, voice);
      case Kind::list: return check_list(value, type, voice);
      case Kind::map: return check_map(value, type, voice);
      case Kind::object: return check_object(value, type, *type.message);
      case Kind::either: return check_either(value, type, voice);
    }
    return Verdict::valid;
  }

  Verdict check_message(const Json& value, const Message& message) {
    const Type type = object(message);
    return check_object(&value, type, message);
  }

 private:
  Verdict add(TextOf which, const char* code, const Fault& fault, Voice voice, Verdict verdict) {
    if (issues_->size() < kIssuesMax) issues_->push_back({path(), tell(which, fault, voice), code});
    return verdict;
  }

  Verdict of_type(const Json* value, const Type& type, Voice voice, bool right) {
    if (right) return Verdict::valid;
    const TextOf which = value == nullptr ? &Texts::required : &Texts::wrong_type;
    return add(which, "invalid_type", {type, value, field_text()}, voice, Verdict::aborted);
  }

  Verdict check_number(const Json* value, const Type& type, Voice voice) {
    if (value == nullptr || !value->is_number()) return of_type(value, type, voice, false);
    const double number = value->get<double>();
    const Range range = range_in_force(type);
    const auto fault = [&] { return Fault{type, value, field_text(), 0, range}; };
    Verdict verdict = Verdict::valid;
    if (type.kind == Kind::integer && number != std::floor(number)) {
      verdict = add(&Texts::not_integer, "invalid_type", fault(), voice, Verdict::dirty);
    }
    if (range.above_min ? number <= range.min : number < range.min) {
      verdict = add(&Texts::too_small, "too_small", fault(), voice, Verdict::dirty);
    }
    if (number > range.max) verdict = add(&Texts::too_big, "too_big", fault(), voice, Verdict::dirty);
    return verdict;
  }

  Range range_in_force(const Type& type) const {
    Range range = type.range;
    if (type.kind == Kind::integer) {
      range.min = std::max(range.min, -kSafeInteger);
      range.max = std::min(range.max, kSafeInteger);
    }
    if (range.max_key == nullptr) return range;
    for (const Bound& bound : options_.bounds) {
      if (bound.key == range.max_key) range.max = std::min(range.max, bound.max);
    }
    return range;
  }

  Verdict check_text(const Json* value, const Type& type, Voice voice) {
    if (value == nullptr || !value->is_string()) return of_type(value, type, voice, false);
    const std::string& text = value->get_ref<const std::string&>();
    Verdict verdict =
        check_size(value, type, voice,
                   text.size() > type.size_max || text.size() < type.size_min * 4 ? characters(text) : type.size_min);
    if (type.pattern != nullptr && !type.pattern->accepts(text)) {
      verdict = add(&Texts::not_matching, "invalid_string", {type, value, field_text()}, voice, Verdict::dirty);
    }
    return verdict;
  }

  Verdict check_size(const Json* value, const Type& type, Voice voice, size_t size) {
    const auto fault = [&] { return Fault{type, value, field_text(), size}; };
    if (size < type.size_min) return add(&Texts::too_short, "too_small", fault(), voice, Verdict::dirty);
    if (size > type.size_max) return add(&Texts::too_long, "too_big", fault(), voice, Verdict::dirty);
    return Verdict::valid;
  }

  Verdict check_choice(const Json* value, const Type& type, Voice voice) {
    if (value != nullptr && value->is_string()) {
      const std::string& text = value->get_ref<const std::string&>();
      if (std::find(type.choices.begin(), type.choices.end(), text) != type.choices.end()) return Verdict::valid;
    }
    const bool literal = type.choices.size() == 1;
    const bool is_text = value != nullptr && value->is_string();
    const char* code = literal ? "invalid_literal" : is_text ? "invalid_enum_value" : "invalid_type";
    const TextOf which = voice == Voice::runtime && value == nullptr ? &Texts::required : &Texts::no_choice;
    return add(which, code, {type, value, field_text()}, voice, Verdict::aborted);
  }

  Verdict check_list(const Json* value, const Type& type, Voice voice) {
    if (value == nullptr || !value->is_array()) return of_type(value, type, voice, false);
    Verdict verdict = check_size(value, type, voice, value->size());
    for (size_t i = 0; i < value->size() && issues_->size() < kIssuesMax; ++i) {
      path_.push_back({.name = {}, .index = i, .is_index = true});
      verdict = worse(verdict, check(&(*value)[i], *type.item, voice));
      path_.pop_back();
    }
    return verdict;
  }

  Verdict check_map(const Json* value, const Type& type, Voice voice) {
    if (value == nullptr || !value->is_object()) return of_type(value, type, voice, false);
    Verdict verdict = check_size(value, type, voice, value->size());
    for (const auto& [name, item] : value->items()) {
      if (issues_->size() >= kIssuesMax) break;
      path_.push_back({.name = name});
      verdict = worse(verdict, check(&item, *type.item, voice));
      path_.pop_back();
    }
    return verdict;
  }

  Verdict check_object(const Json* value, const Type& type, const Message& message) {
    if (value == nullptr || !value->is_object()) return of_type(value, type, message.voice, false);
    Verdict verdict = check_fields(*value, fields_of(message), message.voice);
    if (message.extra == Extra::forbid) verdict = worse(verdict, check_extra(*value, message));
    if (verdict != Verdict::aborted) verdict = worse(verdict, check_rules(*value, message));
    return verdict;
  }

  Verdict check_fields(const Json& value, std::span<const Field> fields, Voice voice) {
    Verdict verdict = Verdict::valid;
    for (const Field& field : fields) {
      const Json* found = member(value, field.name);
      if (found == nullptr) found = member(value, field.also);
      if (found == nullptr && field.need != Need::required) continue;
      path_.push_back({.name = field.name});
      verdict = worse(verdict, check(found, field.type, voice));
      path_.pop_back();
    }
    return verdict;
  }

  Verdict check_extra(const Json& value, const Message& message) {
    Verdict verdict = Verdict::valid;
    for (const auto& [name, item] : value.items()) {
      if (find_field(message, name) != nullptr) continue;
      verdict = Verdict::dirty;
      if (issues_->size() < kIssuesMax) {
        issues_->push_back({path(), fmt::format("Unrecognized key(s) in object: '{}'", name), "unrecognized_keys"});
      }
    }
    return verdict;
  }

  Verdict check_rules(const Json& value, const Message& message) {
    Verdict verdict = Verdict::valid;
    for (const Rule& rule : message.rules) {
      if (holds(rule, value)) continue;
      verdict = Verdict::dirty;
      if (rule.kind == Rule::Kind::at_least) path_.push_back({.name = rule.field});
      if (issues_->size() < kIssuesMax) issues_->push_back({path(), rule.text, "custom"});
      if (rule.kind == Rule::Kind::at_least) path_.pop_back();
    }
    return verdict;
  }

  static bool holds(const Rule& rule, const Json& value) {
    const Json* field = member(value, rule.field);
    if (rule.kind == Rule::Kind::present) return field != nullptr;
    const Json* other = member(value, rule.other);
    return field == nullptr || other == nullptr || field->get<double>() >= other->get<double>();
  }

  // The first option that fits, else the faults of the first that was of the right type, else one fault.
  Verdict check_either(const Json* value, const Type& type, Voice voice) {
    std::vector<Issue>* const outer = issues_;
    std::vector<Issue> dirty;
    bool has_dirty = false;
    bool fits = false;
    for (const Type& option : type.options) {
      std::vector<Issue> tried;
      issues_ = &tried;
      const Verdict verdict = check(value, option, voice);
      fits = verdict == Verdict::valid;
      if (fits) break;
      if (verdict == Verdict::dirty && !has_dirty) dirty = std::move(tried), has_dirty = true;
    }
    issues_ = outer;
    if (fits) return Verdict::valid;
    if (has_dirty) {
      issues_->insert(issues_->end(), dirty.begin(), dirty.end());
      return Verdict::dirty;
    }
    return add(&Texts::no_choice, "invalid_union", {type, value, field_text()}, voice, Verdict::aborted);
  }

  std::vector<PathStep> path() const {
    std::vector<PathStep> steps;
    for (const Step& step : path_) {
      if (step.is_index) {
        steps.emplace_back(step.index);
      } else {
        steps.emplace_back(std::string(step.name));
      }
    }
    return steps;
  }

  // stop_sequences[1], valid until the next call.
  std::string_view field_text() {
    field_text_.clear();
    for (const Step& step : path_) {
      if (step.is_index) {
        field_text_ += fmt::format("[{}]", step.index);
      } else {
        field_text_ += field_text_.empty() ? "" : ".";
        field_text_ += step.name;
      }
    }
    if (field_text_.empty()) field_text_ = "params";
    return field_text_;
  }

  const Options& options_;
  std::vector<Issue>* issues_;
  std::vector<Step> path_;
  std::string field_text_;
};

}  // namespace

std::vector<Issue> validate(const Json& value, const Message& message, const Options& options) {
  std::vector<Issue> issues;
  Checker(options, issues).check_message(value, message);
  return issues;
}

std::string path_text(const std::vector<PathStep>& path) {
  std::string text;
  for (const PathStep& step : path) {
    if (!text.empty()) text += '.';
    text +=
        std::holds_alternative<size_t>(step) ? fmt::format("{}", std::get<size_t>(step)) : std::get<std::string>(step);
  }
  return text;
}

Error to_error(const std::vector<Issue>& issues, Voice voice) {
  if (issues.empty()) return fail(ErrorCode::invalid_request, "unknown", "Validation error: no issues reported");
  const Issue& first = issues.front();
  const std::string field = first.path.empty() ? "root" : path_text(first.path);
  if (voice == Voice::runtime) return {ErrorCode::invalid_request, first.message, field};
  return fail(ErrorCode::invalid_request, field, "Validation error on field '{}': {}", field, first.message);
}

Json to_json(const std::vector<Issue>& issues) {
  Json list = Json::array();
  for (const Issue& issue : issues) {
    Json path = Json::array();
    for (const PathStep& step : issue.path) {
      std::visit([&](const auto& s) { path.push_back(s); }, step);
    }
    list.push_back({{"path", path}, {"message", issue.message}, {"code", issue.code}});
  }
  return list;
}

}  // namespace mlxserving::schema
