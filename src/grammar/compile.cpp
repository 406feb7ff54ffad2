#include "grammar/compile.h"

#include "core/result.h"

namespace mlxserving::grammar {

Result<std::shared_ptr<Grammar>> compile_json_schema(std::string_view schema,
                                                     std::shared_ptr<const Vocabulary> vocabulary,
                                                     const CompileOptions& options) {
  MLXS_TRY(auto machine, JsonMachine::compile(schema, options.layout, options.json));
  return std::make_shared<Grammar>(std::move(machine), std::move(vocabulary), options.masks);
}

Result<std::shared_ptr<Grammar>> compile_any_json(std::shared_ptr<const Vocabulary> vocabulary,
                                                  const CompileOptions& options) {
  return compile_json_schema("true", std::move(vocabulary), options);
}

}  // namespace mlxserving::grammar
