// Weights from the disk into the system's page cache before the engine thread wants them.
#pragma once

#include <functional>
#include <string>

namespace mlxserving::engine {

// Reads what of `directory`'s *.safetensors is not in memory yet, on the calling thread, so that the models that run
// beside do not wait for a disk and loading shows how far it is: `progress` gets fractions in [0, 1], rising, the last
// one 1. What is there already costs a look. Errors are left to loading, which meets them again.
void read_ahead(const std::string& directory, const std::function<void(double fraction)>& progress);

}  // namespace mlxserving::engine
