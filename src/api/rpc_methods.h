// The table of JSON-RPC methods.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "api/rpc_work.h"

namespace mlxserving::api {

// Answers at once, on the server's thread.
using Answer = Reply (*)(const Services& services, const Json& params, const Activity& activity);
// Runs on a worker; calls of one model in the order in which they came.
using Work = Outcome (*)(const Services& services, const Json& params);
// Loads run on workers of their own, so that no other model's call waits for one.
struct Load {
  Work work;
};
// Begins one or many generations.
struct Generate {
  GenerateDefaults defaults = {};
  bool is_batch = false;        // params.requests holds the params of each
  bool replies_at_end = false;  // with null, once every stream has ended
  bool replies_null = false;
};
// What only the server can do.
enum class Control { cancel, acknowledge, shutdown };

struct Method {
  const char* name;
  const char* params;  // the schema's message
  const char* result;  // the schema's message, or null: replies null
  std::variant<Answer, Work, Load, Generate, Control> does;
  const char* model_field = nullptr;  // names the model whose calls keep their order
  bool is_capability = true;          // told by runtime/info
};

std::span<const Method> methods();
const Method* find_method(std::string_view name);
// The method that was perhaps meant, or null.
const Method* similar_method(std::string_view name);

// What runtime/info advertises, in the contract's order.
Json capabilities();

}  // namespace mlxserving::api
