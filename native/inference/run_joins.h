// Requests that are sent again while the first is on its way (SmartRedis does after 250 ms): they
// join it, and are answered by its end, instead of running once more.
//
// Threads: any. The mutex of RunJoins is taken below any other but the client table's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "core/units.h"
#include "inference/engine.h"
#include "threads/mailbox.h"

namespace tutti {

// A request with more words than that joins none: they are kept once more until its run ends.
inline constexpr size_t kJoinWordsBytesMax = 64 * kKiB;

class RunJoins;

// A run that others may join, and who waits for it.
class JoinedRun {
 public:
  using Clock = std::chrono::steady_clock;

  JoinedRun(RunJoins* joins, RunTarget& target, const Object* subject,
            std::vector<const Object*> inputs);

  // Nobody joins from here on. To be called before outputs are stored: who asks later must not be
  // answered by a result that another client has overwritten in between.
  void Close();
  // Closes it, unless a request has joined after `since`. True: it is closed.
  bool CloseUnlessJoinedSince(Clock::time_point since);
  // The end: closes it, and tells all who wait. Once.
  void Tell(Code code, const std::string& text);
  Clock::time_point LastJoinedAt() const;

 private:
  friend class RunJoins;
  struct Waiter {
    Completion completion;
    uint64_t client;
  };

  void CloseLocked();
  bool IsEqual(const JoinedRun& other) const;
  bool AreAllGone() const;

  RunJoins* const joins_;
  const Object* const subject_;              // kept alive by the run until it is closed
  const std::vector<const Object*> inputs_;  // likewise
  const int db_;
  const std::string words_;
  const size_t hash_;
  // Guarded by the mutex of `joins_`; once closed, `waiters_` does not change.
  std::vector<Waiter> waiters_;
  Clock::time_point last_joined_at_ = Clock::time_point::min();  // by none so far
  bool is_open_ = false;
};

class RunJoins {
 public:
  // True: the request has joined a run in flight with the same words, which uses the very same
  // model or script and inputs; it will be told when that ends. A script, which may have effects,
  // and a model with batches, for which requests of several clients add up, are joined only if the
  // clients of all who wait are gone. False: the request is to be run, and may be joined.
  bool Join(std::variant<ModelRun, ScriptRun>& run);

 private:
  friend class JoinedRun;

  std::mutex mutex_;                                                  // guards everything below
  std::unordered_multimap<size_t, std::shared_ptr<JoinedRun>> open_;  // by hash
};

}  // namespace tutti
