#include "tensor/buffer_pool.h"

#include <sys/resource.h>

#include <cstring>
#include <deque>
#include <thread>
#include <vector>

#include "check.h"
#include "random.h"

namespace {

using namespace tutti;
using tutti::test::Random;
using tutti::test::TestSeed;

constexpr MemoryKind kKind = MemoryKind::kTensors;

int64_t PageFaults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

}  // namespace

TEST(GivesEightClassesADoubling) {
  CHECK_EQUAL(buffer_pool::CapacityOf(0), 1 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(32 * kKiB), 32 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(32 * kKiB + 1), 36 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(36 * kKiB), 36 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(64 * kKiB), 64 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(64 * kKiB + 1), 72 * kKiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(16 * kMiB), 16 * kMiB);
  CHECK_EQUAL(buffer_pool::CapacityOf(16 * kMiB + 1), 18 * kMiB);
}

TEST(ChargesTheClassAndReturnsIt) {
  const size_t used = memory_account::Used();
  for (size_t border = 1 * kKiB; border <= 8 * kMiB; border = buffer_pool::CapacityOf(border + 1)) {
    for (const size_t bytes : {border - 1, border, border + 1}) {
      Ref<Buffer> buffer = Buffer::Allocate(bytes, kKind);
      CHECK(buffer && buffer->capacity() >= bytes);
      CHECK_EQUAL(buffer->capacity(), buffer_pool::CapacityOf(bytes));
      CHECK_EQUAL(reinterpret_cast<uintptr_t>(buffer->data()) % 64, 0u);
      CHECK_EQUAL(memory_account::Used() - used, buffer->capacity());
      buffer->data()[0] = 1;
      buffer->data()[buffer->capacity() - 1] = 1;
      if (bytes > 4 * kKiB) CHECK(buffer->capacity() <= bytes + bytes / 8 + 64);
    }
  }
  CHECK_EQUAL(memory_account::Used(), used);
  CHECK(buffer_pool::IdleBytes() > 0);
  buffer_pool::Trim(0);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);
}

TEST(OverwritingDoesNotFaultPagesAfresh) {
  constexpr size_t kBytes = 16 * kMiB;
  Ref<Buffer> stored;
  for (int i = 0; i < 3; ++i) {
    Ref<Buffer> next = Buffer::Allocate(kBytes, kKind);
    std::memset(next->data(), i, kBytes);
    stored = std::move(next);
  }
  const int64_t faults = PageFaults();
  for (int i = 0; i < 10; ++i) {
    Ref<Buffer> next = Buffer::Allocate(kBytes, kKind);
    std::memset(next->data(), i, kBytes);
    stored = std::move(next);
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(PageFaults() - faults < 100);
#else
  (void)faults;  // the sanitizers' own memory faults too
#endif
  stored = nullptr;
  buffer_pool::Trim(0);
}

TEST(ZerosAreZerosAndWrittenByNobody) {
  for (const size_t bytes : {size_t{1}, 40 * kKiB, kMappedZerosBytesMin, 4 * kMiB}) {
    {
      const Ref<Buffer> used = Buffer::Allocate(bytes, kKind);
      std::memset(used->data(), 0xff, used->capacity());
    }
    // What was used lies idle now, and is of the class that is wanted.
    const Ref<Buffer> zeros = Buffer::Zeros(bytes, kKind);
    for (size_t i = 0; i < bytes; i++) CHECK_EQUAL(int{zeros->data()[i]}, 0);
  }
  buffer_pool::Trim(0);
  const size_t used = memory_account::Used();
  const int64_t faults = PageFaults();
  {
    const Ref<Buffer> zeros = Buffer::Zeros(1 * kGiB, kKind);
    CHECK(zeros);
    CHECK_EQUAL(memory_account::Used() - used, 1 * kGiB);
    CHECK_EQUAL(int{zeros->data()[kGiB - 1]}, 0);
  }
  CHECK_EQUAL(memory_account::Used(), used);
  CHECK(PageFaults() - faults < 100);
  CHECK(!Buffer::Zeros(size_t{1} << 60, kKind));
}

TEST(KeepsIdleBlocksWithinTheirBoundOldestFirst) {
  buffer_pool::Trim(0);
  buffer_pool::SetIdleMax(1 * kMiB);
  std::vector<Ref<Buffer>> buffers;
  for (int i = 0; i < 16; ++i) buffers.push_back(Buffer::Allocate(256 * kKiB, kKind));
  uint8_t* last = buffers.back()->data();
  for (Ref<Buffer>& buffer : buffers) buffer = nullptr;
  CHECK_EQUAL(buffer_pool::IdleBytes(), 1 * kMiB);
  CHECK(Buffer::Allocate(256 * kKiB, kKind)->data() == last);
  // One that would not fit alone is not kept, and drives nobody out.
  CHECK(Buffer::Allocate(2 * kMiB, kKind)->is_slow_to_free());
  CHECK_EQUAL(buffer_pool::IdleBytes(), 1 * kMiB);
  buffer_pool::SetIdleMax(300 * kKiB);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 256 * kKiB);
  buffer_pool::Trim(1'000'000);  // nothing is as old as that
  CHECK_EQUAL(buffer_pool::IdleBytes(), 256 * kKiB);
  buffer_pool::Trim(0);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);
  buffer_pool::SetIdleMax(512 * kMiB);
}

TEST(ReservesAddressSpaceAndChargesWhatArrives) {
  const size_t used = memory_account::Used();
  std::vector<Ref<Buffer>> claims;
  for (int i = 0; i < 100; ++i) {
    claims.push_back(Buffer::Reserve(4 * kGiB, MemoryKind::kRequests));
    CHECK(claims.back());
  }
  CHECK_EQUAL(memory_account::Used(), used);
  CHECK(claims[0]->Charge(100 * kKiB));
  CHECK(claims[0]->Charge(50 * kKiB));
  CHECK_EQUAL(memory_account::Used(MemoryKind::kRequests), 100 * kKiB);
  CHECK(claims[0]->Charge(3 * kMiB));
  claims[0]->SetKind(MemoryKind::kTensors);
  CHECK_EQUAL(memory_account::Used(MemoryKind::kRequests), 0u);
  CHECK_EQUAL(memory_account::Used() - used, 3 * kMiB);
  claims.clear();
  CHECK_EQUAL(memory_account::Used(), used);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);  // a body that never came whole is not kept
}

TEST(ExtendsAHeadWithItsContents) {
  const size_t used = memory_account::Used();
  for (const size_t bytes : {kMappedBytesMin, 3 * kMiB + 5, 4 * kGiB}) {
    Ref<Buffer> head = Buffer::ReserveHead(MemoryKind::kRequests);
    CHECK(head && head->capacity() == kHeadBytes);
    for (size_t i = 0; i < kHeadBytes; ++i) head->data()[i] = static_cast<uint8_t>(i * 7 + i / 256);
    CHECK(head->Charge(kHeadBytes));
    CHECK(!head->Extend(SIZE_MAX) && !head->Extend(size_t{1} << 47));
    CHECK_EQUAL(head->capacity(), kHeadBytes);
    CHECK(head->Extend(bytes));
    CHECK_EQUAL(head->capacity(), buffer_pool::CapacityOf(bytes));
    for (size_t i = 0; i < kHeadBytes; ++i) {
      CHECK(head->data()[i] == static_cast<uint8_t>(i * 7 + i / 256));
    }
    head->data()[bytes - 1] = 1;
    if (bytes <= 4 * kMiB) CHECK(head->Charge(head->capacity()));
  }
  Ref<Buffer> never = Buffer::ReserveHead(MemoryKind::kRequests);
  CHECK(never && never->Charge(kHeadBytes));
  never = nullptr;
  CHECK_EQUAL(memory_account::Used(), used);
  // Whole ones are used again; a claim cut short or a head is not.
  CHECK_EQUAL(buffer_pool::IdleBytes(), kMappedBytesMin + buffer_pool::CapacityOf(3 * kMiB + 5));
  buffer_pool::Trim(0);
}

TEST(RefusesWhatCannotBe) {
  for (const size_t bytes : {(size_t{1} << 47) + 1, SIZE_MAX, SIZE_MAX / 2}) {
    CHECK(!Buffer::Allocate(bytes, kKind));
    CHECK(!Buffer::Reserve(bytes, kKind));
    CHECK(!Buffer::ReserveIdle(bytes, kKind));
  }
  const size_t used = memory_account::Used();
  CHECK(!Buffer::Allocate(size_t{1} << 47, kKind));  // the whole address space
  CHECK_EQUAL(memory_account::Used(), used);
}

TEST(RefusesWhatWouldPassTheLimitAndGivesIdleBlocksBackFirst) {
  Buffer::Allocate(1 * kMiB, kKind);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 1 * kMiB);
  const size_t used = memory_account::Used();
  memory_account::SetMax(used + 2 * kMiB);
  Ref<Buffer> first = Buffer::Allocate(2 * kMiB, kKind);
  CHECK(first);
  CHECK(!Buffer::Allocate(1, kKind));
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);
  CHECK(Buffer::Allocate(64 * kKiB, MemoryKind::kReplies));
  Ref<Buffer> claim = Buffer::Reserve(1 * kMiB, MemoryKind::kRequests);
  CHECK(claim && !claim->Charge(1));
  first = nullptr;
  CHECK(claim->Charge(1 * kMiB));
  memory_account::SetMax(0);
  claim = nullptr;
  CHECK_EQUAL(memory_account::Used(), used);
  buffer_pool::Trim(0);
}

TEST(ManyThreadsAllocateAndFreeForEachOther) {
  const size_t used = memory_account::Used();
  buffer_pool::SetIdleMax(4 * kMiB);
  std::mutex mutex;
  std::deque<Ref<Buffer>> shared;
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      Random random(TestSeed() + i);
      for (int step = 0; step < 1500; ++step) {
        const size_t bytes = 1 + random.Below(400 * kKiB);
        Ref<Buffer> buffer =
            random.Below(4) == 0 ? Buffer::Reserve(bytes, kKind) : Buffer::Allocate(bytes, kKind);
        CHECK(buffer);
        CHECK(buffer->Charge(random.Below(2) == 0 ? bytes : buffer->capacity()));
        buffer->data()[0] = buffer->data()[bytes - 1] = static_cast<uint8_t>(i);
        if (step % 100 == 0) buffer_pool::Trim(0);
        std::lock_guard lock(mutex);
        shared.push_back(std::move(buffer));
        if (shared.size() > 20) shared.pop_front();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  shared.clear();
  CHECK_EQUAL(memory_account::Used(), used);
  CHECK(buffer_pool::IdleBytes() <= 4 * kMiB);
  buffer_pool::Trim(0);
  CHECK_EQUAL(buffer_pool::IdleBytes(), 0u);
}

RUN_TESTS()
