#include "keyspace/freeing.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "keyspace/stripe.h"

namespace tutti {

namespace {

bool IsSlowToFree(const Object& object) {
  switch (object.kind()) {
    case ObjectKind::kModel:
    case ObjectKind::kScript:
      return true;
    default:
      return object.is_slow_to_free();
  }
}

class FreeingThread {
 public:
  // False if the caller must free it.
  bool Take(Ref<Object>& object) {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable() || is_stopping_ || waiting_.size() >= freeing::kWaitingMax) {
      return false;
    }
    waiting_.push_back(std::move(object));
    waiting_count_.fetch_add(1, std::memory_order_relaxed);
    const bool was_empty = waiting_.size() == 1;
    lock.unlock();
    if (was_empty) woken_.notify_one();
    return true;
  }

  void Start() {
    std::lock_guard lock(mutex_);
    if (thread_.joinable()) return;
    is_stopping_ = false;
    thread_ = std::thread([this] { Run(); });
  }

  size_t waiting_count() const { return waiting_count_.load(std::memory_order_relaxed); }
  size_t freed_count() const { return freed_count_.load(std::memory_order_relaxed); }

  void Stop() {
    std::thread thread;
    {
      std::lock_guard lock(mutex_);
      is_stopping_ = true;
      thread = std::move(thread_);
    }
    woken_.notify_one();
    if (thread.joinable()) thread.join();
  }

 private:
  void Run() {
    // With the usual priority. Whoever unmaps memory holds a lock of the kernel that others wait
    // for when they map some: at nice 19, on a machine with more to do than cores, 100 MB were seen
    // to stop a loading thread for 0.8 s.
    std::unique_lock lock(mutex_);
    for (;;) {
      woken_.wait(lock, [this] { return is_stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::vector<Ref<Object>> taken = std::exchange(waiting_, {});
      lock.unlock();
      const size_t count = taken.size();
      taken.clear();
      waiting_count_.fetch_sub(count, std::memory_order_relaxed);
      freed_count_.fetch_add(count, std::memory_order_relaxed);
      lock.lock();
    }
  }

  std::atomic<size_t> waiting_count_{0}, freed_count_{0};  // with those being freed
  std::mutex mutex_;                                       // guards everything below
  std::condition_variable woken_;
  std::vector<Ref<Object>> waiting_;
  bool is_stopping_ = false;
  std::thread thread_;
};

// Never destroyed: other threads may outlive the end of main().
FreeingThread& freeing_thread = *new FreeingThread;

thread_local std::vector<Ref<Object>> pending;

}  // namespace

void Graveyard::Add(Ref<Object> object) {
  if (!object) return;
  if (!first_) {
    first_ = std::move(object);
  } else {
    others_.push_back(std::move(object));
  }
}

Graveyard::~Graveyard() {
  if (!first_) return;
  if (ThisThreadHoldsStripes()) {
    pending.push_back(std::move(first_));
    for (Ref<Object>& object : others_) pending.push_back(std::move(object));
    return;
  }
  freeing::Free(std::move(first_));
  for (Ref<Object>& object : others_) freeing::Free(std::move(object));
}

namespace freeing {

void Free(Ref<Object> object) {
  if (object && object->is_unique() && IsSlowToFree(*object)) freeing_thread.Take(object);
}

void FreePending() {
  std::vector<Ref<Object>> objects = std::exchange(pending, {});
  for (Ref<Object>& object : objects) Free(std::move(object));
}

size_t WaitingCount() { return freeing_thread.waiting_count(); }
size_t FreedCount() { return freeing_thread.freed_count(); }

void StartThread() { freeing_thread.Start(); }
void StopThread() { freeing_thread.Stop(); }

}  // namespace freeing

}  // namespace tutti
