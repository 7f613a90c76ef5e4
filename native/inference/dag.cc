#include "inference/dag.h"

#include <cassert>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

#include "core/memory_account.h"
#include "inference/run_joins.h"
#include "keyspace/freeing.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

std::string QueueNameOf(const DagRun& run) {
  if (const auto* model_run = std::get_if<ModelRun>(&run.work)) {
    return model_run->model->spec().device.QueueName();
  }
  return std::get<ScriptRun>(run.work).script->spec().device.QueueName();
}

Status Persist(const DagPlan& plan) {
  if (plan.persisted.empty()) return Status::Ok();
  std::vector<Change> changes;
  changes.reserve(plan.persisted.size());
  for (const auto& [key, tensor] : plan.persisted) {
    if (!plan.tensors[tensor]) continue;  // an output that is no tensor
    changes.push_back({.db = plan.db,
                       .key = key,
                       .value = plan.tensors[tensor],
                       .required_kind = ObjectKind::kTensor});
  }
  Status status = Keyspace::Get().CommitAll(changes);
  memory_account::MakeRoom(0);
  return status;
}

// Writes the keys if nothing has failed. `run_status` answers how the run at an index ended.
template <typename RunStatus>
Ref<DagResult> Conclude(const DagPlan& plan, bool has_failed, const RunStatus& run_status) {
  auto result = Ref<DagResult>::Adopt(new DagResult);
  result->elements.resize(plan.operations.size());
  for (size_t i = 0; i < plan.operations.size(); i++) {
    DagResult::Element& element = result->elements[i];
    if (const auto* get = std::get_if<DagGet>(&plan.operations[i])) {
      element.tensor = plan.tensors[get->tensor];
      if (!element.tensor) element.status = Code::kNotPerformed;
    } else if (std::holds_alternative<DagRun>(plan.operations[i])) {
      element.status = run_status(i);
    }
  }
  if (has_failed) return result;
  Status persisted = Persist(plan);
  if (!persisted.ok()) result->elements.push_back({std::move(persisted), nullptr});
  return result;
}

// A plan with runs, on its way. It lives until the last run has ended, whoever waits for it.
class Dag : public std::enable_shared_from_this<Dag> {
 public:
  Dag(Engine& engine, DagPlan plan);
  // False: it has joined another one, and is not to be started.
  bool Open();
  void Start();
  // The run at index `operation` has ended, or never began.
  void Finish(size_t operation, Status status, std::vector<Ref<Tensor>> outputs);

 private:
  // The runs of one device, in the order of the text.
  struct Lane {
    std::string queue_name;
    std::vector<size_t> operations;
    size_t next = 0;       // all before it have ended
    bool is_busy = false;  // the one at `next` is queued or runs
  };
  struct Ending {
    bool is_over = false;
    std::vector<size_t> ready;  // operations to be queued
  };

  size_t LaneOf(const std::string& queue_name);
  DagRun& RunAt(size_t operation) { return std::get<DagRun>(plan_.operations[operation]); }
  Ending Advance();
  bool AreInputsMade(const DagRun& run) const;
  bool TakeInputs(DagRun& run);
  void Continue(const Ending& ending);
  void Queue(size_t operation);
  void Complete();
  void Tell(Code code, const Ref<Object>& result);

  Engine& engine_;
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();

  // Null: none may join.
  std::shared_ptr<JoinedRun> joined_;
  // What `joined_` is told apart by: kept, as another object could come to lie in its place.
  std::vector<Ref<Object>> objects_;

  std::mutex mutex_;  // guards everything below, until the DAG is over
  DagPlan plan_;
  std::vector<Status> statuses_;  // by operation; of runs that have ended
  std::vector<bool> is_made_;     // by tensor; a run may make what is no tensor: then it is null
  std::vector<size_t> reader_counts_;  // by tensor: runs that have yet to take it, gets, persists
  std::vector<Lane> lanes_;
  std::vector<size_t> lane_indices_;  // by operation
  size_t running_count_ = 0;          // queued or running
  bool has_failed_ = false;
  bool has_timed_out_ = false;
};

// A run's way back to its DAG.
class OperationSink final : public RunSink {
 public:
  OperationSink(std::shared_ptr<Dag> dag, size_t operation)
      : dag_(std::move(dag)), operation_(operation) {}
  void Finish(Status status, std::vector<Ref<Tensor>> outputs) override {
    dag_->Finish(operation_, std::move(status), std::move(outputs));
  }

 private:
  const std::shared_ptr<Dag> dag_;
  const size_t operation_;
};

Dag::Dag(Engine& engine, DagPlan plan)
    : engine_(engine),
      plan_(std::move(plan)),
      statuses_(plan_.operations.size(), Code::kNotPerformed),
      is_made_(plan_.tensors.size()),
      reader_counts_(plan_.tensors.size()),
      lane_indices_(plan_.operations.size()) {
  for (size_t i = 0; i < is_made_.size(); i++) is_made_[i] = static_cast<bool>(plan_.tensors[i]);
  for (size_t i = 0; i < plan_.operations.size(); i++) {
    if (const auto* get = std::get_if<DagGet>(&plan_.operations[i])) {
      reader_counts_[get->tensor]++;
    } else if (auto* run = std::get_if<DagRun>(&plan_.operations[i])) {
      for (const size_t input : run->inputs) reader_counts_[input]++;
      lane_indices_[i] = LaneOf(QueueNameOf(*run));
      lanes_[lane_indices_[i]].operations.push_back(i);
    }
  }
  for (const DagPersist& persist : plan_.persisted) reader_counts_[persist.tensor]++;
}

// Makes it if there is none of that name.
size_t Dag::LaneOf(const std::string& queue_name) {
  for (size_t i = 0; i < lanes_.size(); i++) {
    if (lanes_[i].queue_name == queue_name) return i;
  }
  lanes_.push_back({queue_name, {}});
  return lanes_.size() - 1;
}

bool Dag::Open() {
  if (plan_.words.empty()) return true;
  JoinRequest request = {.db = plan_.db,
                         .words = std::move(plan_.words),
                         .objects = {},
                         .completion = plan_.completion,
                         .client = plan_.client,
                         .is_joined_while_others_wait = true};
  std::vector<RunStatistics*> statistics;
  for (Ref<Tensor>& tensor : plan_.loaded) objects_.emplace_back(std::move(tensor));
  for (DagOperation& operation : plan_.operations) {
    const auto* const run = std::get_if<DagRun>(&operation);
    if (!run) continue;
    if (!RunJoins::IsJoinedWhileOthersWait(run->work)) request.is_joined_while_others_wait = false;
    if (const auto* const of_model = std::get_if<ModelRun>(&run->work)) {
      objects_.emplace_back(Ref<Model>(of_model->model));
      statistics.push_back(&of_model->model->statistics);
    } else {
      const auto& of_script = std::get<ScriptRun>(run->work);
      objects_.emplace_back(Ref<Script>(of_script.script));
      statistics.push_back(&of_script.script->statistics);
    }
  }
  for (const Ref<Object>& object : objects_) request.objects.push_back(object.get());
  if (!engine_.Join(std::move(request), &joined_)) return true;
  for (RunStatistics* const each : statistics) {
    each->joined.fetch_add(1, std::memory_order_relaxed);
  }
  return false;
}

void Dag::Start() {
  Ending ending;
  {
    std::lock_guard lock(mutex_);
    ending = Advance();
  }
  // The first run of the text needs only what is there from the start.
  assert(!ending.is_over);
  Continue(ending);
}

void Dag::Finish(size_t operation, Status status, std::vector<Ref<Tensor>> outputs) {
  Ending ending;
  {
    std::lock_guard lock(mutex_);
    const DagRun& run = RunAt(operation);
    assert(outputs.size() == (status.ok() ? run.output_count : 0));
    for (size_t i = 0; i < outputs.size(); i++) {
      const size_t tensor = run.first_output + i;
      is_made_[tensor] = true;
      if (reader_counts_[tensor] > 0) plan_.tensors[tensor] = std::move(outputs[i]);
    }
    has_failed_ = has_failed_ || !status.ok();
    has_timed_out_ = has_timed_out_ || status.code() == Code::kTimedOut;
    statuses_[operation] = std::move(status);
    Lane& lane = lanes_[lane_indices_[operation]];
    lane.is_busy = false;
    lane.next++;
    running_count_--;
    ending = Advance();
  }
  outputs.clear();  // those that nobody reads, without the lock
  Continue(ending);
}

// What may begin now. Called with the lock held.
Dag::Ending Dag::Advance() {
  Ending ending;
  for (Lane& lane : lanes_) {
    if (has_failed_ || lane.is_busy || lane.next == lane.operations.size()) continue;
    const size_t operation = lane.operations[lane.next];
    if (!AreInputsMade(RunAt(operation))) continue;
    if (!TakeInputs(RunAt(operation))) {
      statuses_[operation] = Code::kNotFound;
      has_failed_ = true;
      continue;
    }
    lane.is_busy = true;
    running_count_++;
    ending.ready.push_back(operation);
  }
  ending.is_over = running_count_ == 0;
  return ending;
}

bool Dag::AreInputsMade(const DagRun& run) const {
  for (const size_t input : run.inputs) {
    if (!is_made_[input]) return false;
  }
  return true;
}

// False if one of them is no tensor. A tensor goes with its last reader, not with the DAG.
bool Dag::TakeInputs(DagRun& run) {
  auto& inputs =
      std::visit([](auto& work) -> std::vector<Ref<Tensor>>& { return work.inputs; }, run.work);
  inputs.reserve(run.inputs.size());
  for (const size_t input : run.inputs) {
    if (!plan_.tensors[input]) return false;
    inputs.push_back(plan_.tensors[input]);
  }
  for (const size_t input : run.inputs) {
    if (--reader_counts_[input] == 0) plan_.tensors[input] = nullptr;
  }
  return true;
}

// Called without the lock: a run that cannot be queued ends at once.
void Dag::Continue(const Ending& ending) {
  for (const size_t operation : ending.ready) Queue(operation);
  if (ending.is_over) Complete();
}

void Dag::Queue(size_t operation) {
  // No other thread looks at the work of a run that is about to be queued.
  DagRun& run = RunAt(operation);
  std::visit(
      [&](auto& work) {
        RunTarget& target = work.target;
        target.db = plan_.db;
        target.output_count = run.output_count;
        target.timeout_ms = plan_.timeout_ms;
        target.clock_from = started_at_;
        target.sink = std::make_shared<OperationSink>(shared_from_this(), operation);
        target.joined = joined_;
        engine_.Enqueue(std::move(work));
      },
      run.work);
}

// Called once, when no run is left: from here on nothing else touches the DAG.
void Dag::Complete() {
  // Who asks from here on must not be answered by keys that others have overwritten meanwhile.
  if (joined_) joined_->Close();
  if (has_timed_out_) return Tell(Code::kTimedOut, nullptr);
  Tell(Code::kOk, Conclude(plan_, has_failed_,
                           [&](size_t operation) { return std::move(statuses_[operation]); }));
}

void Dag::Tell(Code code, const Ref<Object>& result) {
  if (joined_) return joined_->Tell(code, {}, result);
  plan_.completion.Done(code, {}, result);
}

bool HasRuns(const DagPlan& plan) {
  for (const DagOperation& operation : plan.operations) {
    if (std::holds_alternative<DagRun>(operation)) return true;
  }
  return false;
}

}  // namespace

DagResult::~DagResult() {
  for (Element& element : elements) freeing::Free(std::move(element.tensor));
}

Ref<DagResult> ExecuteDag(Engine& engine, DagPlan plan) {
  if (!HasRuns(plan)) {
    return Conclude(plan, false, [](size_t) { return Status::Ok(); });
  }
  const auto dag = std::make_shared<Dag>(engine, std::move(plan));
  if (dag->Open()) dag->Start();
  return nullptr;
}

}  // namespace tutti
