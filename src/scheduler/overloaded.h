// std::visit with a lambda for each alternative.
#pragma once

namespace mlxserving::scheduler {

template <typename... Arms>
struct Overloaded : Arms... {
  using Arms::operator()...;
};
template <typename... Arms>
Overloaded(Arms...) -> Overloaded<Arms...>;

}  // namespace mlxserving::scheduler
