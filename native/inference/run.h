// Does runs, one alone or several as a batch: inputs to the backend as views, outputs to the
// keyspace or a sink without a copy.
#pragma once

#include <list>
#include <optional>
#include <span>

#include "inference/compiler.h"
#include "inference/run_queue.h"

namespace tutti {

// Runs, commits the outputs (of each run all or none), counts, then tells the completions; a sink
// gets the outputs instead. Several runs are one batch: one model, and inputs that fit (batch.h).
// What fails the batch fails all of them. A run whose time in the queue is over is told kTimedOut
// and has no part in it.
void ExecuteRuns(Compiler& compiler, std::list<QueuedRun>& runs);

// Whether a queued run is better made in one thread, beside others of its device, if there are so
// many of them.
bool GainsBeside(const Compiler& compiler, const QueuedRun& run, size_t runs_at_once);

// The final status of a run that was made at once in the calling thread, with its outputs readable
// if it is kOk; nobody was told. nullopt: it must be queued, as nothing says that it would be
// short.
std::optional<Status> ExecuteIfShort(Compiler& compiler, const ModelRun& run);

// Runs a model and counts it, past its gate and without storing anything. Fills all of `outputs`,
// to be released by the caller, or none.
Status RunHere(Compiler& compiler, const Model& model, std::span<const tutti_tensor> inputs,
               std::span<tutti_tensor> outputs);

}  // namespace tutti
