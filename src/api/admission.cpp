#include <fmt/format.h>

#include "api/server_state.h"

namespace mlxserving::api {

std::shared_ptr<void> Admission::enter(const std::string& key, Refusal& refusal) {
  const std::lock_guard lock(mutex_);
  if (running_ >= limits_.requests_max) {
    refusal = {503,
               fmt::format("the server has its limit of {} generations at once (requests_max)", limits_.requests_max)};
    return nullptr;
  }
  int64_t& of_key = by_key_[key];
  if (of_key >= limits_.key_requests_max) {
    refusal = {429, fmt::format("this key has its limit of {} generations at once (key_requests_max)",
                                limits_.key_requests_max)};
    return nullptr;
  }
  ++of_key;
  ++running_;
  return std::shared_ptr<void>(this, [key](void* self) {
    auto& admission = *static_cast<Admission*>(self);
    const std::lock_guard unlock(admission.mutex_);
    --admission.running_;
    const auto found = admission.by_key_.find(key);
    if (--found->second == 0) admission.by_key_.erase(found);
  });
}

}  // namespace mlxserving::api
