#include "inference/run_joins.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "threads/client_table.h"

namespace tutti {

namespace {

std::vector<const Object*> Pointers(const Object* subject,
                                    const std::vector<Ref<Tensor>>& tensors) {
  std::vector<const Object*> pointers;
  pointers.reserve(1 + tensors.size());
  pointers.push_back(subject);
  for (const Ref<Tensor>& tensor : tensors) pointers.push_back(tensor.get());
  return pointers;
}

struct Parts {
  RunTarget& target;
  const Object* subject;
  const std::vector<Ref<Tensor>>& inputs;
  RunStatistics& statistics;
};

Parts PartsOf(std::variant<ModelRun, ScriptRun>& run) {
  if (auto* const of_model = std::get_if<ModelRun>(&run)) {
    const Model& model = *of_model->model;
    return {of_model->target, &model, of_model->inputs, model.statistics};
  }
  auto& of_script = std::get<ScriptRun>(run);
  const Script& script = *of_script.script;
  return {of_script.target, &script, of_script.inputs, script.statistics};
}

}  // namespace

JoinedRun::JoinedRun(RunJoins* joins, JoinRequest request)
    : joins_(joins),
      objects_(std::move(request.objects)),
      db_(request.db),
      words_(std::move(request.words)),
      hash_(std::hash<std::string>()(words_) ^
            std::hash<const Object*>()(objects_.empty() ? nullptr : objects_.front())),
      waiters_({{std::move(request.completion), request.client}}) {}

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
  joins_->open_.erase(found);  // whoever does the request still holds it
}

void JoinedRun::Tell(Code code, const std::string& text, const Ref<Object>& result) {
  Close();
  for (const Waiter& waiter : waiters_) waiter.completion.Done(code, text, result);
}

void JoinedRun::TellAfterLongWork() {
  Close();
  for (const Waiter& waiter : waiters_) waiter.completion.DoneAfterLongWork();
}

JoinedRun::Clock::time_point JoinedRun::LastJoinedAt() const {
  std::lock_guard lock(joins_->mutex_);
  return last_joined_at_;
}

bool JoinedRun::IsEqual(const JoinedRun& other) const {
  return db_ == other.db_ && objects_ == other.objects_ && words_ == other.words_;
}

bool JoinedRun::AreAllGone() const {
  return std::ranges::all_of(waiters_, [](const Waiter& waiter) {
    return waiter.client != 0 && !ClientTable::Get().Find(waiter.client);
  });
}

bool RunJoins::Join(JoinRequest request, std::shared_ptr<JoinedRun>* joined) {
  if (request.words.empty()) return false;
  const bool is_joined_while_others_wait = request.is_joined_while_others_wait;
  auto opened = std::make_shared<JoinedRun>(this, std::move(request));
  std::lock_guard lock(mutex_);
  const auto [begin, end] = open_.equal_range(opened->hash_);
  for (auto at = begin; at != end; ++at) {
    JoinedRun& first = *at->second;
    if (!first.IsEqual(*opened)) continue;
    if (!is_joined_while_others_wait && !first.AreAllGone()) continue;
    first.waiters_.push_back(std::move(opened->waiters_.front()));
    first.last_joined_at_ = JoinedRun::Clock::now();
    return true;
  }
  opened->is_open_ = true;
  open_.emplace(opened->hash_, opened);
  *joined = std::move(opened);
  return false;
}

bool RunJoins::Join(std::variant<ModelRun, ScriptRun>& run) {
  const Parts parts = PartsOf(run);
  RunTarget& target = parts.target;
  if (target.sink || target.words.empty()) return false;
  JoinRequest request = {.db = target.db,
                         .words = std::move(target.words),
                         .objects = Pointers(parts.subject, parts.inputs),
                         .completion = target.completion,
                         .client = target.client,
                         .is_joined_while_others_wait = IsJoinedWhileOthersWait(run)};
  if (!Join(std::move(request), &target.joined)) return false;
  parts.statistics.joined.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool RunJoins::IsJoinedWhileOthersWait(const std::variant<ModelRun, ScriptRun>& run) {
  const auto* const of_model = std::get_if<ModelRun>(&run);
  return of_model && of_model->model->spec().batch_size == 0;
}

}  // namespace tutti
