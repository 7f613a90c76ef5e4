#include "keyspace/held_values.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "core/memory_account.h"
#include "keyspace/freeing.h"

namespace tutti::held_values {

namespace {

// Looked at in one Sweep().
constexpr size_t kSweptMax = 64;

struct Held {
  Ref<Object> value;
  size_t bytes;
};

std::mutex mutex;  // guards everything below; the count may be read without it
std::vector<Held>& all = *new std::vector<Held>;
size_t next_index = 0;
std::atomic<size_t> count{0};

std::atomic<size_t> freeing_bytes{0};

// On its way to the freeing thread: its bytes count again when they are free.
class Freed final : public Object {
 public:
  Freed(Ref<Object> value, size_t bytes)
      : Object(ObjectKind::kNone), value_(std::move(value)), bytes_(bytes) {
    freeing_bytes.fetch_add(bytes_, std::memory_order_relaxed);
    memory_account::AddNotCounted(static_cast<int64_t>(bytes_));
  }
  bool is_slow_to_free() const override { return true; }

 private:
  ~Freed() override {
    value_ = nullptr;
    freeing_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
    memory_account::AddNotCounted(-static_cast<int64_t>(bytes_));
  }

  Ref<Object> value_;
  const size_t bytes_;
};

void FreeUnique(Ref<Object> value, size_t bytes) {
  const bool is_slow = value->is_slow_to_free();
  if (!is_slow || freeing_bytes.load(std::memory_order_relaxed) >= kFreeingBytesMax) return;
  freeing::Free(Ref<Object>::Adopt(new Freed(std::move(value), bytes)));
}

}  // namespace

void Release(Ref<Object> value, size_t bytes) {
  if (value->is_unique()) {
    FreeUnique(std::move(value), bytes);
    return;
  }
  const std::lock_guard lock(mutex);
  all.push_back({std::move(value), bytes});
  count.store(all.size(), std::memory_order_relaxed);
  memory_account::AddNotCounted(static_cast<int64_t>(bytes));
}

void Sweep() {
  if (Count() == 0) return;
  std::vector<Held> freed;
  {
    const std::lock_guard lock(mutex);
    for (size_t i = std::min(kSweptMax, all.size()); i > 0; --i) {
      if (next_index >= all.size()) next_index = 0;
      Held& held = all[next_index];
      if (!held.value->is_unique()) {
        ++next_index;
        continue;
      }
      memory_account::AddNotCounted(-static_cast<int64_t>(held.bytes));
      freed.push_back(std::move(held));
      held = std::move(all.back());
      all.pop_back();
    }
    count.store(all.size(), std::memory_order_relaxed);
  }
  for (Held& held : freed) FreeUnique(std::move(held.value), held.bytes);
}

size_t Count() { return count.load(std::memory_order_relaxed); }

}  // namespace tutti::held_values
