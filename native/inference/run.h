// Does one run: inputs to the backend as views, outputs to the keyspace without a copy.
#pragma once

#include "inference/compiler.h"
#include "inference/run_queue.h"

namespace tutti {

// Runs, commits the outputs (all or none), counts, then tells the completion; a sink gets the
// outputs instead. A run whose time in the queue is over is told kTimedOut and does nothing.
void ExecuteRun(Compiler& compiler, QueuedRun& run);

}  // namespace tutti
