// Does runs, one alone or several as a batch: inputs to the backend as views, outputs to the
// keyspace or a sink without a copy.
#pragma once

#include <list>

#include "inference/compiler.h"
#include "inference/run_queue.h"

namespace tutti {

// Runs, commits the outputs (of each run all or none), counts, then tells the completions; a sink
// gets the outputs instead. Several runs are one batch: one model, and inputs that fit (batch.h).
// What fails the batch fails all of them. A run whose time in the queue is over is told kTimedOut
// and has no part in it.
void ExecuteRuns(Compiler& compiler, std::list<QueuedRun>& runs);

}  // namespace tutti
