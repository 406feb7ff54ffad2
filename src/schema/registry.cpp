#include <vector>

#include "schema/dormant_sections.h"
#include "schema/tables.h"

namespace mlxserving::schema {

std::span<const Message* const> all_messages() {
  static const std::vector<const Message*> messages = [] {
    std::vector<const Message*> all;
    for (const auto& list : {engine_messages(), event_messages(), rpc_messages(), config_messages(),
                             std::span<const Message* const>(dormant::kMessages), flag_messages(), http_messages()}) {
      all.insert(all.end(), list.begin(), list.end());
    }
    return all;
  }();
  return messages;
}

const Message* find_message(std::string_view name) {
  for (const Message* message : all_messages()) {
    if (message->name == name) return message;
  }
  return nullptr;
}

}  // namespace mlxserving::schema
