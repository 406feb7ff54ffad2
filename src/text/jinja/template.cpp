#include "text/jinja/template.h"

#include <ctime>

#include "core/result.h"
#include "core/utf8.h"
#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/resolver.h"

namespace mlxserving::text::jinja {
namespace {

Error to_error(const Fault& fault, ErrorCode code) {
  const std::string where = fault.line > 0 ? fmt::format(" (template line {})", fault.line) : "";
  if (fault.kind == FaultKind::limit) code = ErrorCode::resource_exhausted;
  return fail(code, "chat_template", "{}{}", fault.message, where);
}

// Rebuilds JSON as the values of one rendering, strings marked as `options` say.
class ContextReader {
 public:
  ContextReader(Rendering& rendering, const RenderOptions& options) : rendering_(rendering), options_(options) {}

  Value read(const Json& json, const std::string& path) {
    rendering_.step();
    switch (json.type()) {
      case Json::value_t::null: return Value::none();
      case Json::value_t::boolean: return Value::boolean(json.get<bool>());
      case Json::value_t::number_integer: return Value::integer(json.get<int64_t>());
      case Json::value_t::number_unsigned: return read_unsigned(json.get<uint64_t>());
      case Json::value_t::number_float: return Value::real(json.get<double>());
      case Json::value_t::string: return read_string(json.get_ref<const std::string&>(), path);
      case Json::value_t::array: return read_array(json, path);
      case Json::value_t::object: {
        return rendering_.make_dict(read_object(json, path));
      }
      case Json::value_t::binary:
      case Json::value_t::discarded: break;
    }
    raise(FaultKind::value_error, "{} is not a JSON value", path);
  }

  std::shared_ptr<Dict> read_object(const Json& json, const std::string& path) {
    auto dict = std::make_shared<Dict>();
    for (const auto& [key, value] : json.items()) {
      dict->insert(Value::string(utf8::to_valid(key), Trust::no), read(value, child(path, key)));
    }
    return dict;
  }

 private:
  static Value read_unsigned(uint64_t number) {
    if (number <= INT64_MAX) return Value::integer(static_cast<int64_t>(number));
    return Value::integer(BigInteger::from_digits(std::to_string(number), 10));
  }

  std::string child(const std::string& path, const std::string& name) const {
    if (!options_.is_trusted) return {};
    return path.empty() ? name : path + "/" + name;
  }

  Value read_string(const std::string& string, const std::string& path) const {
    const bool trusted = options_.is_trusted && options_.is_trusted(path, string);
    if (string.size() > rendering_.limits().string_bytes_max) {
      raise(FaultKind::limit, "a string must be at most {} bytes", rendering_.limits().string_bytes_max);
    }
    return Value::string(make_text(utf8::to_valid(string), trusted ? Trust::yes : Trust::no));
  }

  Value read_array(const Json& json, const std::string& path) {
    std::vector<Value> items;
    for (const Json& item : json) items.push_back(read(item, child(path, std::to_string(items.size()))));
    return rendering_.make_list(std::move(items));
  }

  Rendering& rendering_;
  const RenderOptions& options_;
};

Rendered to_rendered(const Text& text) {
  Rendered rendered{text.bytes, {}};
  bool trusted = text.first == Trust::yes;
  size_t begin = 0;
  for (const size_t cut : text.cuts) {
    rendered.spans.push_back({begin, cut, trusted});
    begin = cut;
    trusted = !trusted;
  }
  if (begin < text.bytes.size()) rendered.spans.push_back({begin, text.bytes.size(), trusted});
  return rendered;
}

}  // namespace

std::tm local_time_now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

Result<Template> Template::parse(std::string_view source, const Limits& limits) {
  if (!utf8::is_valid(source)) {
    return fail(ErrorCode::invalid_model, "chat_template", "a template must be valid UTF-8");
  }
  try {
    auto program = std::make_shared<Program>(resolve(jinja::parse(source, limits)));
    return Template(std::move(program), limits);
  } catch (const Fault& fault) {
    return to_error(fault, ErrorCode::invalid_model);
  }
}

Result<Rendered> Template::render(const Json& context, const RenderOptions& options) const {
  if (!context.is_object()) {
    return fail(ErrorCode::invalid_request, "context", "the context of a template must be an object, got {}",
                context.type_name());
  }
  Rendering rendering(limits_, options.now);
  try {
    const auto variables = ContextReader(rendering, options).read_object(context, "");
    return to_rendered(*Interpreter(rendering, *program_, *variables).run());
  } catch (const Fault& fault) {
    return to_error(fault, ErrorCode::invalid_request);
  }
}

}  // namespace mlxserving::text::jinja
