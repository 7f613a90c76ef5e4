#include "threads/acl_log.h"

#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace tutti;

namespace {

Denial DenialOf(DenialReason reason, std::string object) {
  Denial denial;
  denial.reason = reason;
  denial.object = std::move(object);
  denial.user = "sim";
  return denial;
}

TEST(CountsWhatIsAlikeWithinAMinute) {
  AclLog log;
  log.Add(DenialOf(DenialReason::kKey, "a"), 1'000, 10);
  log.Add(DenialOf(DenialReason::kKey, "b"), 2'000, 10);
  log.Add(DenialOf(DenialReason::kKey, "a"), 61'000, 10);
  log.Add(DenialOf(DenialReason::kCommand, "a"), 61'000, 10);
  auto entries = log.List(10);
  CHECK(entries.size() == 3);
  CHECK(entries[1].object == "a" && entries[1].count == 2 && entries[1].id == 0);
  CHECK(entries[1].created_ms == 1'000 && entries[1].updated_ms == 61'000);
  log.Add(DenialOf(DenialReason::kKey, "a"), 121'001, 10);
  entries = log.List(10);
  CHECK(entries.size() == 4);
  CHECK(entries[0].count == 1 && entries[0].id == 3);
}

TEST(LooksBackOnlySoFar) {
  AclLog log;
  log.Add(DenialOf(DenialReason::kKey, "first"), 0, 100);
  for (size_t i = 0; i < kDenialLookBackMax; i++)
    log.Add(DenialOf(DenialReason::kKey, std::to_string(i)), 0, 100);
  log.Add(DenialOf(DenialReason::kKey, "first"), 0, 100);
  CHECK(log.List(100).size() == kDenialLookBackMax + 2);
}

TEST(KeepsTheNewest) {
  AclLog log;
  for (int i = 0; i < 10; i++) log.Add(DenialOf(DenialReason::kKey, std::to_string(i)), 0, 3);
  const auto entries = log.List(10);
  CHECK(entries.size() == 3);
  CHECK(entries[0].object == "9" && entries[2].object == "7");
  CHECK(log.List(1).size() == 1);
  log.Add(DenialOf(DenialReason::kKey, std::string(kDeniedNameBytesMax + 1, 'x')), 0, 3);
  CHECK(log.List(1)[0].object.size() == kDeniedNameBytesMax);
  log.Add(DenialOf(DenialReason::kAuth, "AUTH"), 0, 0);
  CHECK(log.List(10).empty());
}

TEST(TakesThemFromAllThreads) {
  AclLog log;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&log] {
      for (int i = 0; i < 1'000; i++) {
        log.Add(DenialOf(DenialReason::kChannel, std::to_string(i % 5)), i, 100);
        if (i % 100 == 0) log.List(10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t count = 0;
  for (const auto& entry : log.List(100)) count += entry.count;
  CHECK(count == 4'000);
  CHECK(log.Counts()[static_cast<size_t>(DenialReason::kChannel)] == 4'000);
  log.ResetCounts();
  log.Clear();
  CHECK(log.Counts()[static_cast<size_t>(DenialReason::kChannel)] == 0);
  CHECK(log.List(100).empty());
}

}  // namespace

RUN_TESTS()
