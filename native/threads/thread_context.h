// The threads that serve clients, as others see them: their mailboxes and their counters.
//
// Threads: ThreadRegistry from any thread. A thread's counters are written by it alone, with plain
// stores, and read by anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "threads/mailbox.h"

namespace tutti {

struct Traffic {
  int64_t input_bytes = 0;
  int64_t output_bytes = 0;
  int64_t connections = 0;  // taken in
  int64_t rejected_connections = 0;

  Traffic& operator+=(const Traffic& other);
  Traffic& operator-=(const Traffic& other);
};

// One thread's part of the process' traffic, on cache lines of its own.
class alignas(64) ThreadCounters {
 public:
  // By the owner only.
  void Add(const Traffic& more);
  Traffic Read() const;

 private:
  std::atomic<int64_t> input_bytes_{0}, output_bytes_{0}, connections_{0}, rejected_connections_{0};
};

struct ThreadContext {
  uint32_t index = 0;  // from 0; the lowest that was free
  std::shared_ptr<Mailbox> mailbox;
  ThreadCounters counters;
};

class ThreadRegistry {
 public:
  static ThreadRegistry& Get();  // never destroyed

  std::shared_ptr<ThreadContext> Attach(std::shared_ptr<Mailbox> mailbox);
  // Closes the mailbox and keeps the thread's traffic in the totals.
  void Detach(const std::shared_ptr<ThreadContext>& context);

  void PostToAll(const Message& message);
  // Traffic that belongs to no thread's counters.
  void Add(const Traffic& more);
  // Null if there is no such thread (any more).
  std::shared_ptr<Mailbox> FindMailbox(uint32_t thread_index) const;

  // Since the start, or the last Reset().
  Traffic Total() const;
  void Reset();

 private:
  Traffic Sum() const;

  mutable std::mutex mutex_;                             // guards everything below
  std::vector<std::shared_ptr<ThreadContext>> threads_;  // by index; null where one has ended
  Traffic others_;                                       // of threads that have ended, and of none
  Traffic reset_;                                        // what the sum was at the last Reset()
};

}  // namespace tutti
