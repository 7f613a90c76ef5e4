#include "keyspace/expiry_queue.h"

#include <algorithm>
#include <functional>

namespace tutti {

void ExpiryQueue::Push(const Item& item) {
  items_.push_back(item);
  std::push_heap(items_.begin(), items_.end(), std::greater<>());
}

void ExpiryQueue::Pop() {
  std::pop_heap(items_.begin(), items_.end(), std::greater<>());
  items_.pop_back();
  if (items_.empty()) Clear();
}

void ExpiryQueue::SortUnique() {
  std::sort(items_.begin(), items_.end());
  items_.erase(std::unique(items_.begin(), items_.end()), items_.end());
  if (items_.empty()) {
    Clear();
  } else {
    items_.shrink_to_fit();
  }
}

void ExpiryQueue::Clear() { decltype(items_)().swap(items_); }

}  // namespace tutti
