// What runtimes take of our memory: how it is counted, and what a run's use is.
#include "inference/runtime_memory.h"

#include <cstring>
#include <thread>

#include "check.h"
#include "core/units.h"

namespace tutti {
namespace {

size_t Runtimes() { return memory_account::Used(MemoryKind::kRuntimes); }
size_t Models() { return memory_account::Used(MemoryKind::kModels); }

void* Take(const RuntimeMemory& memory, size_t bytes) {
  void* const block = memory.table()->allocate(memory.table()->context, bytes);
  if (block && bytes < 1 * kGiB) std::memset(block, 7, bytes);
  return block;
}
void Give(const RuntimeMemory& memory, void* block) {
  memory.table()->release(memory.table()->context, block);
}

tutti_tensor OutputAt(void* data, size_t bytes) {
  return {TUTTI_UINT8, 0, nullptr, data, bytes, nullptr, nullptr};
}

TEST(CountsBlocksOfAllSizesAndGivesThemBack) {
  RuntimeMemory memory;
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{4000},
                             32 * kKiB - 1, 32 * kKiB, 1 * kMiB, 5 * kMiB + 3}) {
    void* const block = Take(memory, bytes);
    CHECK(block);
    CHECK_EQUAL(reinterpret_cast<uintptr_t>(block) % 64, 0u);
    CHECK(Runtimes() >= bytes);
    CHECK(Runtimes() <= bytes + bytes / 8 + 4 * kKiB);
    CHECK_EQUAL(memory.used_bytes(), Runtimes());
    Give(memory, block);
    CHECK_EQUAL(Runtimes(), 0u);
    CHECK_EQUAL(memory.used_bytes(), 0u);
  }
  CHECK_EQUAL(memory.access_count(), 18u);
  Give(memory, nullptr);
  CHECK_EQUAL(memory.access_count(), 18u);
  CHECK(!Take(memory, SIZE_MAX));
  CHECK(!Take(memory, size_t{1} << 46));
}

TEST(RefusesABlockAboveItsLimit) {
  RuntimeMemory memory(1 * kMiB);
  void* const first = Take(memory, 600 * kKiB);
  CHECK(first);
  CHECK(!Take(memory, 600 * kKiB));
  void* const second = Take(memory, 100 * kKiB);
  CHECK(second);
  Give(memory, first);
  void* const third = Take(memory, 600 * kKiB);
  CHECK(third);
  Give(memory, second);
  Give(memory, third);
}

TEST(CountsWhatARuntimeHoldsByItself) {
  RuntimeMemory memory(1 * kMiB);
  const auto reserve = [&](int64_t bytes) {
    return memory.table()->reserve(memory.table()->context, bytes);
  };
  CHECK_EQUAL(reserve(1 * kMiB), 0);
  CHECK_EQUAL(Models(), 1 * kMiB);
  CHECK(reserve(1) != 0);
  CHECK(!Take(memory, 1));
  CHECK_EQUAL(reserve(-static_cast<int64_t>(1 * kMiB)), 0);
  CHECK_EQUAL(Models(), 0u);
  CHECK_EQUAL(memory.used_bytes(), 0u);
}

TEST(CountsWhatALoadTakesAsModelsWhoeverGivesItBack) {
  RuntimeMemory memory;
  void* block = nullptr;
  {
    const ModelMemoryScope scope;
    block = Take(memory, 100 * kKiB);
  }
  CHECK(Models() >= 100 * kKiB);
  CHECK_EQUAL(Runtimes(), 0u);
  std::thread([&] { Give(memory, block); }).join();
  CHECK_EQUAL(Models(), 0u);
}

TEST(TellsTheMostThatARunHeldAtOnce) {
  RuntimeMemory memory;
  void* const before = Take(memory, 10 * kMiB);
  RunScope scope;
  CHECK_EQUAL(scope.peak_bytes(), 0u);
  void* const a = Take(memory, 1 * kMiB);
  void* const b = Take(memory, 1 * kMiB);
  Give(memory, a);
  void* const c = Take(memory, 64 * kKiB);
  CHECK(scope.peak_bytes() >= 2 * kMiB);
  CHECK(scope.peak_bytes() < 2 * kMiB + 600 * kKiB);
  Give(memory, before);  // of no run
  {
    RunScope inner;
    void* const d = Take(memory, 4 * kMiB);
    CHECK(inner.peak_bytes() >= 4 * kMiB);
    CHECK(inner.peak_bytes() < 5 * kMiB);
    Give(memory, d);
  }
  CHECK(scope.peak_bytes() >= 5 * kMiB);
  Give(memory, b);
  Give(memory, c);
}

TEST(CountsAnOutputOnceItIsHandedOverAsTheTensorsOwn) {
  RuntimeMemory memory;
  uint8_t* output = nullptr;
  void* scratch = nullptr;
  static uint8_t foreign[16];
  {
    RunScope scope;
    output = static_cast<uint8_t*>(Take(memory, 100 * kKiB));
    scratch = Take(memory, 1000);
    // Twice, and by its middle, as when a model answers views of one block.
    const tutti_tensor outputs[] = {OutputAt(output, 50 * kKiB),
                                    OutputAt(output + 50 * kKiB, 50 * kKiB), OutputAt(foreign, 16),
                                    OutputAt(nullptr, 0)};
    scope.HandOver(outputs);
    CHECK(Runtimes() > 0);
    CHECK(Runtimes() < 2 * kKiB);
    CHECK_EQUAL(memory.used_bytes(), Runtimes());
  }
  Give(memory, scratch);
  CHECK_EQUAL(Runtimes(), 0u);
  Give(memory, output);
  CHECK_EQUAL(Runtimes(), 0u);
  CHECK_EQUAL(memory.used_bytes(), 0u);
}

TEST(DoesNotLookIntoBlocksThatAnotherThreadGaveBack) {
  RuntimeMemory memory;
  RunScope scope;
  void* const large = Take(memory, 20 * kMiB);
  std::thread([&] { Give(memory, large); }).join();
  const tutti_tensor outputs[] = {OutputAt(&memory, 1)};
  scope.HandOver(outputs);
  CHECK_EQUAL(Runtimes(), 0u);
}

TEST(EstimatesARunByTheLargestOfTheLastAtItsBatchSize) {
  RunMemoryUse use;
  CHECK_EQUAL(use.Estimate(1), -1);
  use.Note(1, 100);
  use.Note(1, 300);
  use.Note(1, 200);
  use.Note(2, 7);
  CHECK_EQUAL(use.Estimate(1), 300);
  CHECK_EQUAL(use.Estimate(2), 7);
  CHECK_EQUAL(use.Estimate(3), -1);
  for (size_t i = 0; i < RunMemoryUse::kRunsKept - 2; i++) use.Note(1, 10);
  CHECK_EQUAL(use.Estimate(1), 300);
  use.Note(1, 10);
  CHECK_EQUAL(use.Estimate(1), 200);  // the 300 is the 17th last
  use.Note(1, 10);
  CHECK_EQUAL(use.Estimate(1), 10);
}

TEST(ForgetsTheBatchSizeThatWasNotRunForLongest) {
  RunMemoryUse use;
  const auto kept = static_cast<int64_t>(RunMemoryUse::kBatchSizesKept);
  for (int64_t rows = 1; rows <= kept; rows++) use.Note(rows, 5);
  use.Note(1, 6);
  use.Note(kept + 1, 5);
  CHECK_EQUAL(use.Estimate(1), 6);
  CHECK_EQUAL(use.Estimate(2), -1);
  CHECK_EQUAL(use.Estimate(3), 5);
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
