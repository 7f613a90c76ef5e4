#include "keyspace/expiry.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/latency_monitor.h"
#include "keyspace/clock.h"
#include "keyspace/commit.h"
#include "keyspace/eviction.h"
#include "tensor/buffer_pool.h"

namespace tutti::expiry {

namespace {

constexpr auto kStripeTimeMax = std::chrono::milliseconds(1);
constexpr auto kRoundPause = std::chrono::milliseconds(100);
constexpr int64_t kIdleBlockMsMax = 10'000;

std::mutex mutex;  // guards everything below
std::condition_variable& woken = *new std::condition_variable;
bool is_stopping = false;
bool is_woken = false;
std::atomic<bool> is_active{true};
std::atomic<int64_t> rest_until_ms{0};
std::thread& thread = *new std::thread;

// False if some keys are left.
bool VisitStripe(int index) {
  Stripe& stripe = StripeAt(index);
  if (stripe.next_expiry_ms.load(std::memory_order_relaxed) >= UnixTimeMs()) return true;
  const auto begin = std::chrono::steady_clock::now();
  bool is_done;
  {
    Graveyard graveyard;
    StripeLock lock(index);
    const auto deadline = std::chrono::steady_clock::now() + kStripeTimeMax;
    is_done = DeleteExpired(stripe, deadline.time_since_epoch().count(), graveyard);
  }
  const auto taken = std::chrono::steady_clock::now() - begin;
  latency_monitor::Note("expire-cycle",
                        std::chrono::duration_cast<std::chrono::microseconds>(taken).count());
  return is_done;
}

void Run() {
  // At the usual priority: a thread that is put aside while it holds a stripe stops the stripe's
  // clients too.
  std::unique_lock lock(mutex);
  while (!is_stopping) {
    lock.unlock();
    const bool evicts_more = eviction::RunInBackground();
    if (!evicts_more) {
      if (is_active.load(std::memory_order_relaxed) && !IsResting()) RunOnce();
      buffer_pool::Trim(kIdleBlockMsMax);
    }
    lock.lock();
    if (!evicts_more) woken.wait_for(lock, kRoundPause, [] { return is_stopping || is_woken; });
    is_woken = false;
  }
}

}  // namespace

void RunOnce() {
  for (int index = 0; index < kStripeCount; ++index) {
    while (!VisitStripe(index)) std::this_thread::yield();
  }
}

void StartThread() {
  std::lock_guard lock(mutex);
  if (thread.joinable()) return;
  is_stopping = false;
  thread = std::thread(Run);
}

void SetActive(bool active) { is_active.store(active, std::memory_order_relaxed); }

void RestUntil(int64_t unix_ms) { rest_until_ms.store(unix_ms, std::memory_order_relaxed); }

bool IsResting() { return UnixTimeMs() < rest_until_ms.load(std::memory_order_relaxed); }

void Wake() {
  {
    std::lock_guard lock(mutex);
    if (is_woken) return;
    is_woken = true;
  }
  woken.notify_one();
}

void StopThread() {
  std::thread ending;
  {
    std::lock_guard lock(mutex);
    is_stopping = true;
    ending = std::move(thread);
  }
  woken.notify_one();
  if (ending.joinable()) ending.join();
}

}  // namespace tutti::expiry
