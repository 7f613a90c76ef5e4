#include "inference/run_joins.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "threads/client_table.h"

namespace tutti {

namespace {

std::vector<const Object*> Pointers(const std::vector<Ref<Tensor>>& tensors) {
  std::vector<const Object*> pointers;
  pointers.reserve(tensors.size());
  for (const Ref<Tensor>& tensor : tensors) pointers.push_back(tensor.get());
  return pointers;
}

struct Parts {
  RunTarget& target;
  const Object* subject;
  const std::vector<Ref<Tensor>>& inputs;
  RunStatistics& statistics;
  bool is_joined_while_others_wait;
};

Parts PartsOf(std::variant<ModelRun, ScriptRun>& run) {
  if (auto* const of_model = std::get_if<ModelRun>(&run)) {
    const Model& model = *of_model->model;
    return {of_model->target, &model, of_model->inputs, model.statistics,
            model.spec().batch_size == 0};
  }
  auto& of_script = std::get<ScriptRun>(run);
  const Script& script = *of_script.script;
  return {of_script.target, &script, of_script.inputs, script.statistics, false};
}

}  // namespace

JoinedRun::JoinedRun(RunJoins* joins, RunTarget& target, const Object* subject,
                     std::vector<const Object*> inputs)
    : joins_(joins),
      subject_(subject),
      inputs_(std::move(inputs)),
      db_(target.db),
      words_(std::move(target.words)),
      hash_(std::hash<std::string>()(words_) ^ std::hash<const Object*>()(subject)),
      waiters_({{target.completion, target.client}}) {}

void JoinedRun::Close() {
  std::lock_guard lock(joins_->mutex_);
  CloseLocked();
}

bool JoinedRun::CloseUnlessJoinedSince(Clock::time_point since) {
  std::lock_guard lock(joins_->mutex_);
  if (last_joined_at_ > since) return false;
  CloseLocked();
  return true;
}

void JoinedRun::CloseLocked() {
  if (!std::exchange(is_open_, false)) return;
  const auto [begin, end] = joins_->open_.equal_range(hash_);
  const auto found =
      std::find_if(begin, end, [this](const auto& entry) { return entry.second.get() == this; });
  joins_->open_.erase(found);  // the run's target still holds it
}

void JoinedRun::Tell(Code code, const std::string& text) {
  Close();
  for (const Waiter& waiter : waiters_) waiter.completion.Done(code, text);
}

JoinedRun::Clock::time_point JoinedRun::LastJoinedAt() const {
  std::lock_guard lock(joins_->mutex_);
  return last_joined_at_;
}

bool JoinedRun::IsEqual(const JoinedRun& other) const {
  return subject_ == other.subject_ && db_ == other.db_ && inputs_ == other.inputs_ &&
         words_ == other.words_;
}

bool JoinedRun::AreAllGone() const {
  return std::ranges::all_of(waiters_, [](const Waiter& waiter) {
    return waiter.client != 0 && !ClientTable::Get().Find(waiter.client);
  });
}

bool RunJoins::Join(std::variant<ModelRun, ScriptRun>& run) {
  const Parts parts = PartsOf(run);
  if (parts.target.sink || parts.target.words.empty()) return false;
  auto joined =
      std::make_shared<JoinedRun>(this, parts.target, parts.subject, Pointers(parts.inputs));
  std::lock_guard lock(mutex_);
  const auto [begin, end] = open_.equal_range(joined->hash_);
  for (auto at = begin; at != end; ++at) {
    JoinedRun& first = *at->second;
    if (!first.IsEqual(*joined)) continue;
    if (!parts.is_joined_while_others_wait && !first.AreAllGone()) continue;
    first.waiters_.push_back(std::move(joined->waiters_.front()));
    first.last_joined_at_ = JoinedRun::Clock::now();
    parts.statistics.joined.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  joined->is_open_ = true;
  open_.emplace(joined->hash_, joined);
  parts.target.joined = std::move(joined);
  return false;
}

}  // namespace tutti
