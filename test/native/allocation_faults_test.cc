// Makes the n-th allocation fail, for n = 1, 2, ... until the whole operation passes: after each,
// it is refused for want of memory, the data is as before, and nothing is kept.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "check.h"
#include "inbox.h"
#include "inference/model_loader.h"
#include "inference/runtime_memory.h"
#include "keyspace/keyspace.h"
#include "tensor/incoming_blob.h"
#include "tensor/tensor.h"

namespace {

// Allocations until the one that fails; 0: none does.
std::atomic<int> allocations_left{0};
std::atomic<bool> has_failed{false};

// What a test does for itself does not fail.
thread_local bool is_exempt = false;

bool Fails() {
  if (is_exempt) return false;
  if (allocations_left.load(std::memory_order_relaxed) == 0) return false;
  if (allocations_left.fetch_sub(1) != 1) return false;
  has_failed = true;
  return true;
}

void* New(size_t bytes) {
  void* const block = Fails() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
  if (!block) throw std::bad_alloc();
  return block;
}

}  // namespace

// Pools, tensors and accounted blocks ask this, all else comes by `new`.
extern "C" __attribute__((visibility("default"))) bool tutti_test_allocation_fails() {
  return Fails();
}
void* operator new(size_t bytes) { return New(bytes); }
void* operator new[](size_t bytes) { return New(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return Fails() ? nullptr : std::malloc(bytes > 0 ? bytes : 1);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }

namespace tutti {
namespace {

using test::Inbox;

constexpr int64_t kLargeDims[] = {100'000};
constexpr int64_t kSmallDims[] = {3};
constexpr int kAllocationsMax = 1000;

// Calls attempt(), which answers whether it succeeded, with ever later allocations failing. It may
// throw std::bad_alloc, as what a binding calls may. `is_unchanged` is asked after each failure.
template <typename Attempt, typename IsUnchanged>
int FailEach(const Attempt& attempt, const IsUnchanged& is_unchanged) {
  for (int n = 1; n < kAllocationsMax; n++) {
    const size_t used_before = memory_account::Used();
    has_failed = false;
    allocations_left = n;
    bool succeeded = false;
    try {
      succeeded = attempt();
    } catch (const std::bad_alloc&) {
    }
    allocations_left = 0;
    if (!has_failed) {
      CHECK(succeeded);
      return n - 1;
    }
    if (succeeded) continue;  // it was tried again: an answer must not be lost
    // A thread lets go of what it worked on a moment after it has told so.
    for (int ms = 0; ms < 5000 && memory_account::Used() != used_before; ms++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK_EQUAL(memory_account::Used(), used_before);
    CHECK(is_unchanged());
  }
  test::Fail(__FILE__, __LINE__, "it allocates without an end");
}

template <typename Attempt>
int FailEach(const Attempt& attempt) {
  return FailEach(attempt, [] { return true; });
}

TEST(MakesATensorWholeOrNotAtAll) {
  static uint8_t elements[100'000];
  CHECK(FailEach([] { return !!Tensor::Copy(DType::kUint8, kSmallDims, elements, 3); }) == 1);
  CHECK(FailEach([] { return !!Tensor::Copy(DType::kUint8, kLargeDims, elements, 100'000); }) >= 2);
  CHECK(FailEach([] { return !!Tensor::Zeros(DType::kUint8, kLargeDims, 100'000); }) >= 2);
  CHECK(FailEach([] {
          Ref<Buffer> buffer = Buffer::Allocate(100'000, MemoryKind::kRequests);
          return buffer && Tensor::FromBuffer(DType::kUint8, kLargeDims, buffer, 100'000);
        }) >= 2);
}

TEST(ReleasesAnOutputThatCannotBeKeptOnce) {
  int release_count = 0, attempt_count = 0;
  FailEach([&] {
    attempt_count++;
    return !!Tensor::Adopt(DType::kUint8, kSmallDims, &release_count, 3, &release_count,
                           [](void* owner) { ++*static_cast<int*>(owner); });
  });
  CHECK_EQUAL(release_count, attempt_count);
}

TEST(RefusesABodyThatFindsNoMemoryAndReadsOn) {
  static uint8_t bytes[300'000];
  CHECK(FailEach([] {
          IncomingBlob blob(sizeof(bytes));
          for (size_t at = 0; at < sizeof(bytes); at += 10'000) blob.Append(bytes + at, 10'000);
          CHECK(blob.is_complete());
          return !blob.is_refused();
        }) >= 2);
}

TEST(GivesARuntimeNothingOrABlock) {
  RuntimeMemory memory;
  for (const size_t bytes : {size_t{100}, size_t{1} << 20}) {
    const int failures = FailEach([&] {
      void* const block = memory.table()->allocate(memory.table()->context, bytes);
      memory.table()->release(memory.table()->context, block);
      return block != nullptr;
    });
    CHECK_EQUAL(failures, 1);
    CHECK_EQUAL(memory.used_bytes(), 0u);
  }
}

// --- loads ---

ModelSpec Spec(std::string_view blob) {
  ModelSpec spec;
  spec.device.name = "CPU";
  BlobPart part{Buffer::Allocate(blob.size(), MemoryKind::kModels), blob.size()};
  CHECK(part.buffer);
  std::memcpy(part.buffer->data(), blob.data(), blob.size());
  spec.blob.push_back(std::move(part));
  return spec;
}

TEST(StoresAModelOrAnswersThatThereIsNoMemory) {
  EngineOptions options;
  options.backends[static_cast<size_t>(BackendKind::kTorch)].library =
      TUTTI_BACKEND_FOLDER "/tutti_backend_echo.so";
  static auto& compiler = *new Compiler(options);
  static auto& loader = *new ModelLoader(&compiler, [](const Device&) { return Status::Ok(); });
  Inbox inbox;
  const auto store = [&](std::string tag) {
    is_exempt = true;  // what the request holds is there before
    ModelSpec spec = Spec("good");
    spec.tag = std::move(tag);
    const Completion completion = inbox.Next();
    is_exempt = false;
    loader.StoreModel(0, "m", std::move(spec), completion);
    is_exempt = true;
    const Message message = inbox.Wait(completion);
    is_exempt = false;
    CHECK(message.code == Code::kOk || message.code == Code::kOutOfMemory);
    return message.code == Code::kOk;
  };
  CHECK(store("first"));  // starts the threads and the backend
  const auto stored = [] { return Keyspace::Get().Find(0, "m"); };
  Ref<Object> current = stored();
  const auto replace = [&] {
    if (!store("next")) return false;
    CHECK(stored().get() != current.get());
    current = stored();
    return true;
  };
  CHECK(FailEach(replace, [&] { return stored().get() == current.get(); }) > 5);
  CHECK(store("last"));  // the key is not taken for busy
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
