// "Did you mean": the known word that a misspelt one is nearest to.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace mlxserving {

// Nothing when none is near: at most a third of the letters may differ.
std::optional<std::string_view> most_similar(std::string_view word, std::span<const std::string_view> known);

}  // namespace mlxserving
