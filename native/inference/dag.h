// A directed acyclic graph of runs: tensors by number that belong to it alone, and the runs that
// make one from the other.
//
// A run begins when all runs before it on its device have ended and its inputs are there: those of
// one device are done in the order of the text, those of different devices at the same time. After
// a failure no further run begins. Each run goes through its device's queue like any other, and can
// share a batch with any other.
//
// One that is sent again joins the first while that is in flight, by the rule of single runs
// (run_joins.h): equal words, and the very same models, scripts and loaded tensors. It is joined
// until its keys are about to be written. With a script, or a model with batches, it is joined only
// if nobody waits for it any more. What is done once is as if both were done one right after the
// other: nothing but its keys, all at once at its end, is seen of a DAG without scripts.
//
// Threads: ExecuteDag() from any; what follows is on the threads of the runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "inference/engine.h"
#include "tensor/tensor.h"
#include "threads/mailbox.h"

namespace tutti {

// Has no run: its tensor is there from the start.
struct DagSet {};

struct DagGet {
  size_t tensor;
};

struct DagRun {
  std::variant<ModelRun, ScriptRun> work;  // without inputs and target
  std::vector<size_t> inputs;              // there from the start, or made by earlier operations
  // Makes `output_count` tensors: first_output, first_output + 1, ...
  size_t first_output = 0;
  size_t output_count = 0;
};

using DagOperation = std::variant<DagSet, DagGet, DagRun>;

struct DagPersist {
  std::string key;
  size_t tensor;
};

struct DagPlan {
  int db = 0;
  // By number. Those that runs make are null.
  std::vector<Ref<Tensor>> tensors;
  std::vector<DagOperation> operations;  // in the order of the text
  // Put into the keyspace after all operations, all of them or none.
  std::vector<DagPersist> persisted;
  // Longest time from the start until a run is taken from its queue; 0 waits for ever.
  int64_t timeout_ms = 0;
  // kOk with a DagResult, or kTimedOut: a run never began for lack of time, nothing was written.
  Completion completion;

  // What makes requests equal, so that one sent again joins the first. Empty: none may join.
  std::string words;
  uint64_t client = 0;  // who sent it, of the client table; 0: unknown
  // Of the keys that the words name, in their order. Models and scripts are found among the runs.
  std::vector<Ref<Tensor>> loaded;
};

// What became of each operation; one more element follows if the keys could not be written. It
// does not change: all who wait for the DAG share it.
class DagResult final : public Object {
 public:
  struct Element {
    // kNotPerformed: a run that never began, or a tensor that was never made. kNotFound: an input
    // of the run is what an earlier one has made, but no tensor.
    Status status;
    Ref<Tensor> tensor;  // of a DagGet
  };
  DagResult() : Object(ObjectKind::kBuffer) {}
  std::vector<Element> elements;

 private:
  ~DagResult() override;  // large tensors go on the freeing thread
};

// The result of a plan without a run, whose completion is told nothing. Null for any other.
Ref<DagResult> ExecuteDag(Engine& engine, DagPlan plan);

}  // namespace tutti
