#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

#include "config/check.h"
#include "config/load.h"
#include "config/yaml.h"
#include "core/read_file.h"
#include "schema/schema.h"

namespace mlxserving::config {
namespace {

namespace fs = std::filesystem;

Json yaml(std::string_view text) {
  const Result<Yaml> file = parse_yaml(text, "test.yaml");
  EXPECT_TRUE(file) << file.error().message;
  return file ? file->value : Json();
}

std::string fault(std::string_view text) {
  const Result<Yaml> file = parse_yaml(text, "test.yaml");
  return file ? "none" : file.error().message;
}

TEST(Yaml, scalars_have_the_types_of_the_core_schema) {
  EXPECT_EQ(to_text(yaml("{a: 1, b: 1.5, c: true, d: yes, e: ~, f: '1', g: 0x10, h: 1e3, i: '', j: -2, k: 1.2.3}")),
            R"({"a":1,"b":1.5,"c":true,"d":"yes","e":null,"f":"1","g":16,"h":1000.0,"i":"","j":-2,"k":"1.2.3"})");
}

TEST(Yaml, lines_are_those_of_the_keys) {
  const Result<Yaml> file = parse_yaml("# head\na:\n  b: 1\n  c:\n    - x\n    - y\n", "test.yaml");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->lines.at("a"), 2);
  EXPECT_EQ(file->lines.at("a.b"), 3);
  EXPECT_EQ(file->lines.at("a.c.1"), 6);
}

TEST(Yaml, faults_name_file_and_line) {
  EXPECT_EQ(fault("a: 1\na: 2\n"), "test.yaml:2: the key 'a' occurs twice");
  EXPECT_TRUE(fault("a: [1\nb: 2").starts_with("test.yaml:"));
  EXPECT_EQ(fault("a: !!binary abc"), "test.yaml:1: tags are not supported, found tag:yaml.org,2002:binary");
  EXPECT_EQ(fault("a: 1\n---\nb: 2\n"), "test.yaml:2: a file must hold one document");
  EXPECT_EQ(fault(", c:"), "test.yaml:1: a file must hold one document");  // of which yaml-cpp makes endlessly many
  EXPECT_NE(fault("a: \"\xFF\""), "none");
  EXPECT_EQ(fault("? [a]\n: 1\n"), "test.yaml:1: a key must be a text");
  EXPECT_EQ(fault("a: 1e999"), "test.yaml:1: the number 1e999 is out of range");
}

TEST(Yaml, depth_size_and_aliases_are_bounded) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']');
  };
  EXPECT_EQ(fault(nested(kYamlDepthMax)), "none");
  EXPECT_EQ(fault(nested(kYamlDepthMax + 1)), "none") << "the innermost list is empty";
  EXPECT_NE(fault(nested(kYamlDepthMax + 2)), "none");
  EXPECT_NE(fault(nested(100'000)), "none");
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 20; ++i) {
    bomb += fmt::format("a{}: &a{} [*a{}, *a{}]\n", i, i, i - 1, i - 1);
  }
  EXPECT_NE(fault(bomb).find("more than 20000 values"), std::string::npos);
  EXPECT_NE(fault(std::string(kYamlBytesMax + 1, ' ')), "none");
}

// --------------------------------------------------------------------------------------------------------- the keys

struct Key {
  std::string name;
  std::string type;
  std::string default_json;
};

std::vector<Key> keys_of(const std::string& file) {
  std::ifstream in(fs::path(MLXS_SOURCE_DIR) / "tests/cases" / file);
  std::vector<Key> keys;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    Key& key = keys.emplace_back();
    std::getline(columns, key.name, '\t');
    std::getline(columns, key.type, '\t');
    std::getline(columns, key.default_json, '\t');
  }
  return keys;
}

// The row of a.b.c, where names may hold dots no further.
const schema::Field* row_of(const schema::Message& root, std::string_view key) {
  const schema::Message* message = &root;
  while (message != nullptr) {
    const size_t dot = key.find('.');
    const schema::Field* field = find_field(*message, key.substr(0, dot));
    if (field == nullptr || dot == std::string_view::npos) return field;
    message = field->type.message;
    key.remove_prefix(dot + 1);
  }
  return nullptr;
}

void expect_rows(const char* file, const char* message) {
  const std::vector<Key> keys = keys_of(file);
  EXPECT_GT(keys.size(), 30U);
  for (const Key& key : keys) {
    const schema::Field* row = row_of(*schema::find_message(message), key.name);
    ASSERT_NE(row, nullptr) << key.name;
    if (key.default_json == "*") continue;
    ASSERT_NE(row->default_json, nullptr) << key.name;
    EXPECT_EQ(Json::parse(row->default_json), Json::parse(key.default_json)) << key.name;
  }
}

TEST(Config, every_key_of_the_contract_has_a_row_with_its_default) {
  expect_rows("runtime_yaml_keys.tsv", "RuntimeConfig");
  expect_rows("feature_flags_keys.tsv", "FeatureFlags");
}

void collect(const schema::Message& message, const std::string& path,
             std::vector<std::pair<std::string, const schema::Field*>>& out) {
  for (const schema::Field& field : fields_of(message)) {
    const std::string key = path.empty() ? field.name : path + "." + field.name;
    if (field.type.kind == schema::Kind::object) {
      collect(*field.type.message, key, out);
    } else {
      out.emplace_back(key, &field);
    }
  }
}

// What the npm package's sources name, apart from what is generated.
std::string client_sources() {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(MLXS_SOURCE_DIR) / "client/src")) {
    if (entry.path().extension() != ".ts" || entry.path().string().find("generated") != std::string::npos) continue;
    all += *read_file(entry.path().string());
  }
  return all;
}

TEST(Config, a_key_is_marked_live_exactly_when_the_runtime_or_the_client_reads_it) {
  std::vector<std::pair<std::string, const schema::Field*>> keys;
  collect(*schema::find_message("RuntimeConfig"), "", keys);
  EXPECT_GT(keys.size(), 380U);
  const std::string client = client_sources();
  for (const auto& [key, field] : keys) {
    if (key.starts_with("environments.")) continue;
    const auto rows = setting_rows();
    const bool in_runtime = std::ranges::any_of(rows, [&](const SettingRow& row) { return key == row.key; });
    const bool in_client = std::regex_search(client, std::regex("\\b" + std::string(field->name) + "\\b"));
    if (field->effect == schema::Effect::inert) {
      EXPECT_FALSE(in_runtime) << key << " is read, so it is not without effect";
    } else {
      EXPECT_TRUE(in_runtime || in_client) << key << " is read by nobody: mark it inert";
    }
  }
}

std::string shown(const RuntimeSettings& s) {
  std::string trusted = "any";
  if (s.trusted_model_directories) trusted = to_text(Json(*s.trusted_model_directories));
  return fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {}", s.strict, s.default_max_tokens, s.max_generation_tokens,
                     s.max_temperature, s.default_dtype, trusted, s.max_schema_bytes, s.max_line_bytes, s.shutdown_ms,
                     s.telemetry, s.sampling_rate, s.debug, s.log_messages);
}

TEST(Config, every_key_that_the_runtime_reads_changes_its_settings) {
  const std::map<std::string, Json> other = {{"validation.mode", "warn"},
                                             {"model.default_dtype", "bfloat16"},
                                             {"model.trusted_model_directories", Json::array({"/models"})},
                                             {"python_bridge.max_buffer_size", 1 << 28},
                                             {"telemetry.sampling_rate", 0.5}};
  const std::string before = shown(to_settings(default_config()));
  EXPECT_EQ(before, shown(RuntimeSettings{})) << "the rows' defaults are the settings' own";
  for (const SettingRow& row : setting_rows()) {
    Json config = default_config();
    const Json* value = find_key(config, row.key);
    ASSERT_NE(value, nullptr) << row.key;
    Json changed;
    if (const auto special = other.find(row.key); special != other.end()) {
      changed = special->second;
    } else if (value->is_boolean()) {
      changed = !value->get<bool>();
    } else {
      changed = value->get<int64_t>() * 2;
    }
    const_cast<Json&>(*value) = changed;
    EXPECT_NE(shown(to_settings(config)), before) << row.key;
  }
}

// --------------------------------------------------------------------------------------------------- loading, checking

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("mlxs-config-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

TEST_F(ConfigFile, the_environments_section_goes_over_the_file_and_telemetry_yaml_over_both) {
  const std::string path = write("runtime.yaml", R"(
model: {default_max_tokens: 100, max_temperature: 1.5}
telemetry: {enabled: false}
environments:
  production: {model: {default_max_tokens: 200}}
)");
  const auto plain = load_settings(path, "development");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->default_max_tokens, 100);
  EXPECT_EQ(plain->max_temperature, 1.5);
  EXPECT_FALSE(plain->telemetry);
  EXPECT_EQ(load_settings(path, "production")->default_max_tokens, 200);
  write("telemetry.yaml", "enabled: true\nserviceName: mine\n");
  EXPECT_TRUE(load_settings(path, "development")->telemetry);
}

TEST_F(ConfigFile, a_wrong_file_names_every_fault_with_its_line) {
  const std::string path = write("runtime.yaml", "model:\n  default_max_tokens: 0\n  max_temperature: hot\n");
  const auto settings = load_settings(path, "test");
  ASSERT_FALSE(settings);
  EXPECT_EQ(settings.error().message, "Configuration validation failed:\n" + path +
                                          ":2: model.default_max_tokens Number must be greater than 0\n" + path +
                                          ":3: model.max_temperature Expected number, received string");
  EXPECT_EQ(load_settings("/nowhere/runtime.yaml", "test").error().message,
            "Configuration file not found: /nowhere/runtime.yaml.");
}

TEST(CheckConfig, finds_faults_unknown_keys_and_keys_without_effect) {
  const std::vector<Finding> findings = check_config(
      "model:\n  default_max_tokens: 0\n  max_temprature: 1\nmlx:\n  concurrency_limit: 1\nenvironments:\n"
      "  production:\n    model:\n      max_temperature: x\n",
      "runtime.yaml", FileKind::runtime);
  ASSERT_EQ(findings.size(), 4U);
  EXPECT_EQ(findings[0].severity, Severity::error);
  EXPECT_EQ(findings[0].line, 2);
  EXPECT_EQ(findings[1].severity, Severity::warning);
  EXPECT_EQ(findings[1].suggestion, "max_temperature");
  EXPECT_EQ(findings[2].severity, Severity::note);
  EXPECT_EQ(findings[2].key, "mlx") << "a section without effect is told once";
  EXPECT_EQ(findings[3].key, "environments.production.model.max_temperature");
  EXPECT_EQ(findings[3].line, 9);
}

TEST(CheckConfig, flags_and_telemetry_have_rows_of_their_own) {
  EXPECT_EQ(kind_of("/etc/feature-flags.yaml"), FileKind::flags);
  EXPECT_EQ(kind_of("telemetry.yaml"), FileKind::telemetry);
  const auto flags = check_config("qos_monitor: {rollout_percentage: 101}\n", "f", FileKind::flags);
  ASSERT_EQ(flags.size(), 2U);
  EXPECT_EQ(flags[1].message, "Invalid rollout percentage: 101. Must be 0-100.");
  const auto telemetry = check_config("enabled: true\nprometheusPort: 80\n", "t", FileKind::telemetry);
  ASSERT_EQ(telemetry.size(), 1U);
  EXPECT_EQ(telemetry[0].message, "Prometheus port must be >= 1024");
  EXPECT_TRUE(check_config("", "empty", FileKind::runtime).empty());
}

}  // namespace
}  // namespace mlxserving::config
