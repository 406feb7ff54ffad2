// `mlx-serving schema`: every boundary's messages, for other programs to check against.
#include "schema/export.h"

#include <cstdio>
#include <memory>

#include "cli/command.h"

namespace mlxserving::cli {

Runner declare_schema(CLI::App& command) {
  auto format = std::make_shared<std::string>("json-schema");
  command.add_option("--format", *format, "json-schema, typescript or zod.")
      ->check(CLI::IsMember({"json-schema", "typescript", "zod"}))
      ->capture_default_str();
  return [format]() -> Result<int> {
    const std::string text = *format == "zod"          ? schema::to_zod()
                             : *format == "typescript" ? schema::to_typescript()
                                                       : to_text(schema::to_json_schema(), 2) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kExitOk;
  };
}

}  // namespace mlxserving::cli
