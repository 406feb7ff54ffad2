// MLX after an error of its own.
#pragma once

namespace mlxserving::engine {

// Makes MLX usable again after an evaluation threw: waits for the stream, swallows what else the graph throws, and
// mends the count of active tasks, which a task that throws leaves too high until MLX waits for ever. The arrays of the
// failed step must be gone. Engine thread.
void resynchronise();

}  // namespace mlxserving::engine
