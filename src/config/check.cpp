#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "config/load.h"
#include "config/yaml.h"
#include "core/similar.h"
#include "schema/validate.h"

namespace mlxserving::config {
namespace {

using schema::Effect;
using schema::Field;
using schema::Kind;
using schema::Message;

const Message& message_of(FileKind kind) {
  switch (kind) {
    case FileKind::telemetry: return *schema::find_message("EngineTelemetryConfig");
    case FileKind::flags: return *schema::find_message("FeatureFlags");
    case FileKind::runtime: break;
  }
  return *schema::find_message("RuntimeConfig");
}

std::string below(const std::string& path, const std::string& name) { return path.empty() ? name : path + "." + name; }

class Checker {
 public:
  explicit Checker(const Yaml& file) : file_(file) {}

  // Each key against its row.
  void walk(const Json& value, const Message& message, const std::string& path) {
    if (!value.is_object()) return;
    for (const auto& [name, member] : value.items()) {
      const std::string key = below(path, name);
      const Field* field = schema::find_field(message, name);
      if (field == nullptr) {
        add_unknown(name, key, message);
      } else if (field->effect == Effect::inert) {
        add(Severity::note, key, "accepted for compatibility, has no effect");
      } else if (field->type.kind == Kind::object) {
        walk_section(member, *field->type.message, key);
      } else if (std::string_view(message.name) == "EnvironmentsConfig") {
        walk(member, *schema::find_message("RuntimeConfig"), key);
      } else if (field->type.kind == Kind::list && field->type.item->kind == Kind::object && member.is_array()) {
        for (size_t i = 0; i < member.size(); ++i) {
          walk(member[i], *field->type.item->message, below(key, std::to_string(i)));
        }
      }
    }
  }

  // The values, as each environment would see them.
  void validate(FileKind kind) {
    const Message& message = message_of(kind);
    if (kind != FileKind::runtime) return add_issues(schema::validate(file_.value, message), "");
    for (const char* environment : {"development", "test", "production"}) {
      add_issues(schema::validate(effective_config(file_.value, environment), message),
                 fmt::format("environments.{}", environment));
    }
  }

  std::vector<Finding> take() {
    std::ranges::stable_sort(findings_, {}, &Finding::line);
    return std::move(findings_);
  }

 private:
  int line_of(const std::string& key) const {
    const auto line = file_.lines.find(key);
    return line == file_.lines.end() ? 0 : line->second;
  }

  void add(Severity severity, const std::string& key, std::string text, std::string suggestion = "") {
    findings_.push_back({severity, line_of(key), key, std::move(text), std::move(suggestion)});
  }

  // A section none of whose keys does anything is one finding.
  void walk_section(const Json& value, const Message& message, const std::string& key) {
    if (is_inert(message)) {
      add(Severity::note, key, "accepted for compatibility, has no effect");
      Checker inside(file_);
      inside.walk(value, message, key);
      for (Finding& finding : inside.findings_) {
        if (finding.severity != Severity::note) findings_.push_back(std::move(finding));
      }
      return;
    }
    walk(value, message, key);
  }

  static bool is_inert(const Message& message) {
    return std::ranges::all_of(fields_of(message), [](const Field& field) {
      return field.type.kind == Kind::object ? is_inert(*field.type.message) : field.effect == Effect::inert;
    });
  }

  void add_unknown(const std::string& name, const std::string& key, const Message& message) {
    std::vector<std::string_view> known;
    for (const Field& field : fields_of(message)) known.emplace_back(field.name);
    const auto similar = most_similar(name, known);
    add(Severity::warning, key, "unknown key, ignored", similar ? std::string(*similar) : "");
  }

  // A fault that an overlay brought stands in the overlay; one of the base file is told once.
  void add_issues(const std::vector<schema::Issue>& issues, const std::string& overlay) {
    for (const schema::Issue& issue : issues) {
      std::string key = schema::path_text(issue.path);
      if (!overlay.empty() && file_.lines.contains(below(overlay, key))) key = below(overlay, key);
      if (told_.insert(key + issue.message).second) add(Severity::error, key.empty() ? "root" : key, issue.message);
    }
  }

  const Yaml& file_;
  std::vector<Finding> findings_;
  std::set<std::string> told_;
};

}  // namespace

const char* to_string(FileKind kind) {
  switch (kind) {
    case FileKind::runtime: return "runtime";
    case FileKind::telemetry: return "telemetry";
    case FileKind::flags: return "flags";
  }
  return "";
}

const char* to_string(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::note: return "note";
  }
  return "";
}

FileKind kind_of(std::string_view path) {
  const std::string name = std::filesystem::path(path).filename().string();
  if (name.find("telemetry") != std::string::npos) return FileKind::telemetry;
  if (name.find("flag") != std::string::npos) return FileKind::flags;
  return FileKind::runtime;
}

std::vector<Finding> check_config(std::string_view text, const std::string& name, FileKind kind) {
  Result<Yaml> file = parse_yaml(text, name);
  if (!file) return {{.severity = Severity::error, .key = "root", .message = file.error().message}};
  if (file->value.is_null()) file->value = Json::object();
  Checker checker(*file);
  checker.walk(file->value, message_of(kind), "");
  checker.validate(kind);
  return checker.take();
}

}  // namespace mlxserving::config
