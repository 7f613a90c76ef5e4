#include "threads/mailbox.h"

#include <new>
#include <thread>

namespace tutti {

void Mailbox::Post(Message message) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  const bool was_empty = messages_.empty();
  // A client waits for it: it must not be lost for want of memory, which others will give back.
  for (;;) {
    try {
      messages_.push_back(std::move(message));
      break;
    } catch (const std::bad_alloc&) {
      std::this_thread::yield();
    }
  }
  has_messages_.store(true, std::memory_order_relaxed);
  if (was_empty && !awaited_) Wake(lock);
}

bool Mailbox::Drain(std::vector<Message>* into) {
  std::unique_lock lock(mutex_);
  for (size_t i = 0; i < kDrainMax && !messages_.empty(); ++i) {
    into->push_back(std::move(messages_.front()));
    messages_.pop_front();
  }
  const bool has_more = !messages_.empty();
  has_messages_.store(has_more, std::memory_order_relaxed);
  if (has_more && !closed_) Wake(lock);
  return has_more;
}

bool Mailbox::Await(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (!messages_.empty()) return true;
  awaited_ = true;
  lock.unlock();
  while (!has_messages_.load(std::memory_order_relaxed) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();  // to a run thread, where there are more threads than CPUs
  }
  lock.lock();
  awaited_ = false;
  return !messages_.empty();
}

void Mailbox::Close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  messages_.clear();
  woken_.wait(lock, [this] { return waking_ == 0; });
}

void Mailbox::Wake(std::unique_lock<std::mutex>& lock) {
  ++waking_;
  lock.unlock();
  wake_();
  lock.lock();
  if (--waking_ == 0 && closed_) woken_.notify_all();
}

}  // namespace tutti
