// Reference-counted objects: everything that a key can hold, and what replies and runs keep alive.
//
// Threads: counting is safe from any thread. A stored object never changes while more than one
// reference to it exists (threads.md "Values"): whoever holds one may read it without a lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace tutti {

// What TYPE answers, and what the binding switches on. Values are part of the binding's interface
// (lib/engine/addon.ts, `valueKinds`).
enum class ObjectKind : uint8_t {
  kNone = 0,
  kString = 1,
  kList = 2,
  kSet = 3,
  kSortedSet = 4,
  kHash = 5,
  kStream = 6,
  kTensor = 7,
  kModel = 8,
  kScript = 9,
  kBuffer = 10,  // never stored under a key
};

class Object {
 public:
  explicit Object(ObjectKind kind) : kind_(kind) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  ObjectKind kind() const { return kind_; }

  void AddRef() const { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Release() const {
    if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // True only for the sole holder: what it sees nobody else can be reading.
  bool is_unique() const { return refs_.load(std::memory_order_acquire) == 1; }

  // Bytes of memory that it holds, at the capacity of their blocks. A container looks at about
  // `sample_count` of its elements and reckons with the others being like them; 0: at all of them.
  // 0 of what no key ever holds.
  virtual size_t footprint(int64_t /*sample_count*/ = 0) const { return 0; }

  // True if the last Release() can take long (many blocks, memory to unmap, a runtime's own): the
  // keyspace leaves it to the freeing thread.
  virtual bool is_slow_to_free() const { return false; }

 protected:
  // Frees the object and gives its bytes back to the memory account.
  virtual ~Object() = default;

 private:
  mutable std::atomic<uint32_t> refs_{1};
  const ObjectKind kind_;
};

// Owns one reference. Created from `new` by Adopt(), which takes over the count of 1.
template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  static Ref Adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  static Ref Share(T* object) {
    if (object) object->AddRef();
    return Adopt(object);
  }
  Ref(const Ref& other) : object_(other.object_) {
    if (object_) object_->AddRef();
  }
  template <typename U>
  Ref(const Ref<U>& other) : object_(other.get()) {
    if (object_) object_->AddRef();
  }
  template <typename U>
  Ref(Ref<U>&& other) : object_(other.Leave()) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->Release();
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // Gives the reference away without releasing it.
  T* Leave() { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

}  // namespace tutti
