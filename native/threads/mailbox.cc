#include "threads/mailbox.h"

namespace tutti {

void Mailbox::Post(Message message) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  const bool was_empty = messages_.empty();
  messages_.push_back(std::move(message));
  if (was_empty) Wake(lock);
}

bool Mailbox::Drain(std::vector<Message>* into) {
  std::unique_lock lock(mutex_);
  for (size_t i = 0; i < kDrainMax && !messages_.empty(); ++i) {
    into->push_back(std::move(messages_.front()));
    messages_.pop_front();
  }
  const bool has_more = !messages_.empty();
  if (has_more && !closed_) Wake(lock);
  return has_more;
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
