#include "threads/thread_context.h"

#include <utility>

namespace tutti {

namespace {

// The owner is the only writer: a load and a store, no locked instruction.
void Grow(std::atomic<int64_t>& counter, int64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

}  // namespace

Traffic& Traffic::operator+=(const Traffic& other) {
  input_bytes += other.input_bytes;
  output_bytes += other.output_bytes;
  connections += other.connections;
  rejected_connections += other.rejected_connections;
  return *this;
}

Traffic& Traffic::operator-=(const Traffic& other) {
  input_bytes -= other.input_bytes;
  output_bytes -= other.output_bytes;
  connections -= other.connections;
  rejected_connections -= other.rejected_connections;
  return *this;
}

void ThreadCounters::Add(const Traffic& more) {
  Grow(input_bytes_, more.input_bytes);
  Grow(output_bytes_, more.output_bytes);
  Grow(connections_, more.connections);
  Grow(rejected_connections_, more.rejected_connections);
}

Traffic ThreadCounters::Read() const {
  return {input_bytes_.load(std::memory_order_relaxed),
          output_bytes_.load(std::memory_order_relaxed),
          connections_.load(std::memory_order_relaxed),
          rejected_connections_.load(std::memory_order_relaxed)};
}

ThreadRegistry& ThreadRegistry::Get() {
  static ThreadRegistry* const registry = new ThreadRegistry;
  return *registry;
}

std::shared_ptr<ThreadContext> ThreadRegistry::Attach(std::shared_ptr<Mailbox> mailbox) {
  const auto context = std::make_shared<ThreadContext>();
  context->mailbox = std::move(mailbox);
  const std::lock_guard lock(mutex_);
  while (context->index < threads_.size() && threads_[context->index]) context->index++;
  if (context->index == threads_.size()) threads_.emplace_back();
  threads_[context->index] = context;
  return context;
}

void ThreadRegistry::Detach(const std::shared_ptr<ThreadContext>& context) {
  context->mailbox->Close();
  const std::lock_guard lock(mutex_);
  others_ += context->counters.Read();
  threads_[context->index] = nullptr;
}

void ThreadRegistry::PostToAll(const Message& message) {
  std::vector<std::shared_ptr<ThreadContext>> threads;
  {
    const std::lock_guard lock(mutex_);
    threads = threads_;
  }
  for (const auto& thread : threads) {
    if (thread) thread->mailbox->Post(message);
  }
}

void ThreadRegistry::Add(const Traffic& more) {
  const std::lock_guard lock(mutex_);
  others_ += more;
}

std::shared_ptr<Mailbox> ThreadRegistry::FindMailbox(uint32_t thread_index) const {
  const std::lock_guard lock(mutex_);
  if (thread_index >= threads_.size() || !threads_[thread_index]) return nullptr;
  return threads_[thread_index]->mailbox;
}

Traffic ThreadRegistry::Sum() const {
  Traffic sum = others_;
  for (const auto& thread : threads_) {
    if (thread) sum += thread->counters.Read();
  }
  return sum;
}

Traffic ThreadRegistry::Total() const {
  const std::lock_guard lock(mutex_);
  return Sum() -= reset_;
}

void ThreadRegistry::Reset() {
  const std::lock_guard lock(mutex_);
  reset_ = Sum();
}

}  // namespace tutti
