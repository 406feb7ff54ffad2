#include <fmt/format.h>

#include <set>
#include <span>
#include <string_view>

#include "schema/dormant_sections.h"
#include "schema/export.h"
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

constexpr std::string_view kHead =
    "// Made by `mlx-serving schema --format zod` from the tables in src/schema. Do not edit.\n"
    "import {{ z }} from 'zod';\n\n";

// A JavaScript string literal.
std::string quoted(std::string_view text) { return to_text(Json(text)); }

std::string number_text(double value) {
  return value == static_cast<double>(static_cast<int64_t>(value)) ? fmt::format("{:.0f}", value)
                                                                   : fmt::format("{}", value);
}

// Writes what a message needs before it, each constant once.
class Writer {
 public:
  std::string out = fmt::format(kHead);

  void rpc(std::span<const Message* const> messages) {
    in_rpc_ = true;
    all(messages);
    in_rpc_ = false;
  }

  void all(std::span<const Message* const> messages) {
    for (const Message* each : messages) message(*each);
  }

 private:
  void message(const Message& message) {
    if (!done_.insert(message.name).second) return;
    std::string body = fmt::format("z\n  .object({{\n");
    for (const Field& field : fields_of(message))
      body += fmt::format("    {}: {},\n", quoted(field.name), of(field, message));
    body += "  })";
    if (message.extra == Extra::keep) body += "\n  .passthrough()";
    if (message.extra == Extra::forbid) body += "\n  .strict()";
    for (const Rule& rule : message.rules) body += of(rule);
    out += fmt::format("/** {} */\nexport const {}Schema = {};\n\n", message.doc, message.name, body);
  }

  std::string of(const Field& field, const Message& message) {
    std::string text = expression(field.type, message.voice);
    if (field.need == Need::optional) text += ".optional()";
    if (field.need == Need::defaulted) text += fmt::format(".default({})", field.default_json);
    return text;
  }

  static std::string of(const Rule& rule) {
    if (rule.kind == Rule::Kind::present) {
      return fmt::format("\n  .refine((value) => value.{} !== undefined, {{ message: {} }})", rule.field,
                         quoted(rule.text));
    }
    return fmt::format(
        "\n  .refine((value) => (value.{} ?? Infinity) >= (value.{} ?? -Infinity), {{ message: {}, path: [{}] }})",
        rule.field, rule.other, quoted(rule.text), quoted(rule.field));
  }

  std::string expression(const Type& type, Voice voice) {
    if (type.name != nullptr) {
      named(type, voice);
      return std::string(type.name) + (type.nullable ? ".nullable()" : "");
    }
    return plain(type, voice) + (type.nullable ? ".nullable()" : "");
  }

  void named(const Type& type, Voice voice) {
    if (!done_.insert(type.name).second) return;
    const std::string value = plain(type, voice);
    out += fmt::format("export const {} = {};\n\n", type.name, value);
  }

  std::string plain(const Type& type, Voice voice) {
    switch (type.kind) {
      case Kind::any: return "z.unknown()";
      case Kind::boolean: return fmt::format("z.boolean({})", creation(type, voice));
      case Kind::integer:
      case Kind::number: return of_number(type, voice);
      case Kind::string: return of_text(type, voice);
      case Kind::choice: return of_choice(type, voice);
      case Kind::list: return fmt::format("z.array({})", expression(*type.item, voice)) + sizes(type, voice);
      case Kind::map: return fmt::format("z.record({})", expression(*type.item, voice));
      case Kind::object: message(*type.message); return std::string(type.message->name) + "Schema";
      case Kind::either: return of_either(type, voice);
    }
    return "z.unknown()";
  }

  // Params of JSON-RPC: the runtime judges their limits, some by its configuration.
  bool types_alone(Voice voice) const { return in_rpc_ && voice == Voice::runtime; }

  // The runtime tells its faults in its own words, with what it saw: here zod's own texts have to do.
  static std::string said(const char* text, Voice voice) {
    return text == nullptr || voice == Voice::runtime ? "" : quoted(text);
  }
  static std::string and_said(const char* text, Voice voice) {
    const std::string value = said(text, voice);
    return value.empty() ? "" : ", " + value;
  }

  static std::string creation(const Type& type, Voice voice) {
    const Texts texts = type.texts != nullptr ? *type.texts : Texts{};
    std::string options;
    if (const std::string text = said(texts.required, voice); !text.empty()) options += "required_error: " + text;
    if (const std::string text = said(texts.wrong_type, voice); !text.empty()) {
      options += (options.empty() ? "" : ", ") + ("invalid_type_error: " + text);
    }
    return options.empty() ? "" : "{ " + options + " }";
  }

  std::string of_number(const Type& type, Voice voice) const {
    const Texts texts = type.texts != nullptr ? *type.texts : Texts{};
    std::string out = fmt::format("z.number({})", creation(type, voice));
    if (type.kind == Kind::integer) out += fmt::format(".int({})", said(texts.not_integer, voice));
    if (types_alone(voice)) return out;
    const Range& range = type.range;
    if (range.min > -kSafeInteger) {
      out += fmt::format(".{}({}{})", range.above_min ? "gt" : "gte", number_text(range.min),
                         and_said(texts.too_small, voice));
    }
    if (range.max < kSafeInteger)
      out += fmt::format(".lte({}{})", number_text(range.max), and_said(texts.too_big, voice));
    return out;
  }

  std::string of_text(const Type& type, Voice voice) const {
    const Texts texts = type.texts != nullptr ? *type.texts : Texts{};
    std::string out = fmt::format("z.string({})", creation(type, voice)) + sizes(type, voice);
    if (type.pattern == nullptr || types_alone(voice)) return out;
    std::string pattern;
    for (const char* c = type.pattern->js; *c != '\0'; ++c)
      pattern += *c == '/' ? std::string("\\/") : std::string(1, *c);
    return out + fmt::format(".regex(/{}/{})", pattern, and_said(texts.not_matching, voice));
  }

  std::string sizes(const Type& type, Voice voice) const {
    const Texts texts = type.texts != nullptr ? *type.texts : Texts{};
    std::string out;
    if (types_alone(voice)) return out;
    if (type.size_min > 0) out += fmt::format(".min({}{})", type.size_min, and_said(texts.too_short, voice));
    if (type.size_max != kAnySize) out += fmt::format(".max({}{})", type.size_max, and_said(texts.too_long, voice));
    return out;
  }

  static std::string error_map(const Type& type, Voice voice) {
    const char* text = type.texts != nullptr ? type.texts->no_choice : nullptr;
    const std::string value = said(text, voice);
    return value.empty() ? "" : fmt::format(", {{ errorMap: () => ({{ message: {} }}) }}", value);
  }

  static std::string of_choice(const Type& type, Voice voice) {
    if (type.choices.size() == 1) return fmt::format("z.literal({})", quoted(type.choices.front()));
    std::string values;
    for (const char* value : type.choices) values += (values.empty() ? "" : ", ") + quoted(value);
    return fmt::format("z.enum([{}]{})", values, error_map(type, voice));
  }

  std::string of_either(const Type& type, Voice voice) {
    std::string options;
    for (const Type& option : type.options) options += (options.empty() ? "" : ", ") + expression(option, voice);
    return fmt::format("z.union([{}]{})", options, error_map(type, voice));
  }

  std::set<std::string> done_;
  bool in_rpc_ = false;
};

}  // namespace

std::string to_zod() {
  Writer writer;
  writer.all(engine_messages());
  writer.all(event_messages());
  writer.rpc(rpc_messages());
  writer.all(config_messages());
  writer.all(dormant::kMessages);
  writer.all(flag_messages());
  writer.all(http_messages());
  writer.out.pop_back();
  return writer.out;
}

}  // namespace mlxserving::schema
