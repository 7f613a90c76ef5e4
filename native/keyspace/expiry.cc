#include "keyspace/expiry.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "keyspace/clock.h"
#include "keyspace/commit.h"
#include "tensor/buffer_pool.h"

namespace tutti::expiry {

namespace {

constexpr auto kStripeTimeMax = std::chrono::milliseconds(1);
constexpr auto kRoundPause = std::chrono::milliseconds(100);
constexpr int64_t kIdleBlockMsMax = 10'000;

std::mutex mutex;  // guards everything below
std::condition_variable& woken = *new std::condition_variable;
bool is_stopping = false;
std::thread& thread = *new std::thread;

// False if some keys are left.
bool VisitStripe(int index) {
  Stripe& stripe = StripeAt(index);
  if (stripe.next_expiry_ms.load(std::memory_order_relaxed) >= UnixTimeMs()) return true;
  Graveyard graveyard;
  StripeLock lock(index);
  const auto deadline = std::chrono::steady_clock::now() + kStripeTimeMax;
  return DeleteExpired(stripe, deadline.time_since_epoch().count(), graveyard);
}

void Run() {
  // At the usual priority: a thread that is put aside while it holds a stripe stops the stripe's
  // clients too.
  std::unique_lock lock(mutex);
  while (!is_stopping) {
    lock.unlock();
    RunOnce();
    buffer_pool::Trim(kIdleBlockMsMax);
    lock.lock();
    woken.wait_for(lock, kRoundPause, [] { return is_stopping; });
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
