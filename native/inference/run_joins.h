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

// What tells a request from others, and who waits for its end.
struct JoinRequest {
  int db = 0;
  // Empty: it joins none, and none joins it.
  std::string words;
  // The models, scripts and stored tensors that the words name, in their order. Whoever does the
  // request keeps them alive until it is closed.
  std::vector<const Object*> objects;
  Completion completion;
  uint64_t client = 0;  // of the client table; 0: unknown
  // Whether doing it once is as good as doing it for each client.
  bool is_joined_while_others_wait = false;
};

// A run, or a DAG of runs, that others may join, and who waits for it.
class JoinedRun {
 public:
  using Clock = std::chrono::steady_clock;

  JoinedRun(RunJoins* joins, JoinRequest request);

  // Nobody joins from here on. To be called before outputs are stored: who asks later must not be
  // answered by a result that another client has overwritten in between.
  void Close();
  // Closes it, unless a request has joined after `since`. True: it is closed.
  bool CloseUnlessJoinedSince(Clock::time_point since);
  // The end: closes it, and tells all who wait, who share the result. Once.
  void Tell(Code code, const std::string& text, const Ref<Object>& result = nullptr);
  void TellAfterLongWork();  // kOk
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
  const std::vector<const Object*> objects_;  // alive until it is closed
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
  // True: the request has joined one in flight with the same words, which uses the very same
  // objects; it will be told when that ends. Unless it `is_joined_while_others_wait`, that is only
  // so if the clients of all who wait are gone. False: it is to be done; `joined` is set unless
  // it has no words, and may be joined.
  bool Join(JoinRequest request, std::shared_ptr<JoinedRun>* joined);

  // The same of a run, whose target is told of what it may be joined by. A script, which may have
  // effects, and a model with batches, for which requests of several clients add up, are not joined
  // while others wait.
  bool Join(std::variant<ModelRun, ScriptRun>& run);

  // Whether a run of it may be joined while others wait for that.
  static bool IsJoinedWhileOthersWait(const std::variant<ModelRun, ScriptRun>& run);

 private:
  friend class JoinedRun;

  std::mutex mutex_;                                                  // guards everything below
  std::unordered_multimap<size_t, std::shared_ptr<JoinedRun>> open_;  // by hash
};

}  // namespace tutti
