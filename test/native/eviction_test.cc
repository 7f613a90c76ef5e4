#include "keyspace/eviction.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/memory_account.h"
#include "core/units.h"
#include "keyspace/access.h"
#include "keyspace/clock.h"
#include "keyspace/hashes.h"
#include "keyspace/held_values.h"
#include "keyspace/keyspace.h"
#include "keyspace/value.h"
#include "tensor/tensor.h"

namespace {

using namespace tutti;
using eviction::Policy;

constexpr size_t kTensorBytes = kMiB;

Keyspace& keyspace() { return Keyspace::Get(); }

Ref<Tensor> NewTensor() {
  const int64_t dims[] = {static_cast<int64_t>(kTensorBytes)};
  // Written, as what clients send is: zeros would be mapped only, faster than anything can be
  // freed.
  static const std::vector<uint8_t> bytes(kTensorBytes, 1);
  return Tensor::Copy(DType::kUint8, dims, bytes.data(), bytes.size());
}

void Put(const std::string& key, Ref<Object> value, int64_t expire_at_ms = kNoExpiry) {
  SetOptions options;
  options.expire_at_ms = expire_at_ms;
  CHECK(keyspace().Set(0, key, std::move(value), options, nullptr).ok());
}

bool Exists(const std::string& key) {
  const std::string_view name = key;
  return keyspace().CountExisting(0, {&name, 1}) == 1;
}

void Begin(Policy policy, int64_t tenacity = 100) {
  eviction::Configure({.policy = Policy::kNone});
  memory_account::SetMax(0);
  keyspace().Flush(-1);
  held_values::Sweep();
  access_settings.counts_frequency =
      policy == Policy::kAllKeysLfu || policy == Policy::kVolatileLfu;
  eviction::Configure({.policy = policy, .sample_count = 10, .tenacity = tenacity});
}

// So that only half of what is there has room.
void HalveLimit(size_t base) {
  memory_account::SetMax(base + (memory_account::Used() - base) / 2);
  CHECK(memory_account::MakeRoom(0));
  CHECK(!memory_account::WouldExceed(0));
}

}  // namespace

TEST(EvictsNothingWithoutAPolicy) {
  Begin(Policy::kNone);
  Put("k", NewTensor());
  memory_account::SetMax(1000);
  CHECK(!memory_account::MakeRoom(0));
  CHECK(Exists("k"));
}

TEST(AnyPolicyOfAllKeysMakesRoom) {
  for (const Policy policy : {Policy::kAllKeysLru, Policy::kAllKeysLfu, Policy::kAllKeysRandom}) {
    Begin(policy);
    const size_t base = memory_account::Used();
    for (int i = 0; i < 1000; i++) Put("k" + std::to_string(i), String::Copy("value"));
    const int64_t evicted_before = keyspace().Counters().evicted;
    HalveLimit(base);
    const int64_t left = keyspace().Size(0);
    CHECK(left > 400 && left < 600);
    CHECK_EQUAL(keyspace().Counters().evicted - evicted_before, 1000 - left);
  }
}

TEST(VolatilePoliciesTakeOnlyWhatExpires) {
  for (const Policy policy : {Policy::kVolatileLru, Policy::kVolatileLfu, Policy::kVolatileRandom,
                              Policy::kVolatileTtl}) {
    Begin(policy);
    const int64_t later = UnixTimeMs() + 1'000'000;
    for (int i = 0; i < 20; i++) Put("kept" + std::to_string(i), NewTensor());
    for (int i = 0; i < 20; i++) Put("lost" + std::to_string(i), NewTensor(), later + i);
    memory_account::SetMax(memory_account::Used() - 15 * kTensorBytes);
    CHECK(memory_account::MakeRoom(0));
    CHECK_EQUAL(keyspace().Size(0), 25);
    for (int i = 0; i < 20; i++) CHECK(Exists("kept" + std::to_string(i)));
    // More than all of them hold.
    CHECK(!memory_account::MakeRoom(10 * kTensorBytes));
    CHECK_EQUAL(keyspace().Size(0), 20);
  }
}

TEST(FindsTheOneKeyThatExpiresAmongOldItems) {
  Begin(Policy::kVolatileTtl);
  const int64_t later = UnixTimeMs() + 1'000'000;
  Put("lost", NewTensor());
  for (int i = 0; i < 60; i++) keyspace().Expire(0, "lost", later + i, 0);
  memory_account::SetMax(memory_account::Used() - 1);
  CHECK(memory_account::MakeRoom(0));
  CHECK(!Exists("lost"));
}

TEST(TheSoonestToExpireGoFirst) {
  Begin(Policy::kVolatileTtl);
  const int64_t later = UnixTimeMs() + 1'000'000;
  const size_t base = memory_account::Used();
  for (int i = 0; i < 1000; i++) {
    Put("k" + std::to_string(i), String::Copy("value"), later + (i < 500 ? 0 : 500'000));
  }
  HalveLimit(base);
  int64_t late = 0;
  for (int i = 500; i < 1000; i++) late += Exists("k" + std::to_string(i));
  CHECK(late > 250 && late > keyspace().Size(0) * 9 / 10);
}

TEST(TheLeastUsedGoFirst) {
  Begin(Policy::kAllKeysLfu);
  const size_t base = memory_account::Used();
  for (int i = 0; i < 1000; i++) Put("k" + std::to_string(i), String::Copy("value"));
  for (int use = 0; use < 100; use++) {
    for (int i = 500; i < 1000; i++) keyspace().Find(0, "k" + std::to_string(i));
  }
  HalveLimit(base);
  int64_t used = 0;
  for (int i = 500; i < 1000; i++) used += Exists("k" + std::to_string(i));
  CHECK(used > 250 && used > keyspace().Size(0) * 9 / 10);
}

TEST(ValuesThatOthersHoldAreNotCountedAndNothingElseGoesForThem) {
  Begin(Policy::kAllKeysLru);
  std::vector<Ref<Object>> held;
  for (int i = 0; i < 10; i++) {
    Ref<Object> tensor = NewTensor();
    held.push_back(tensor);
    Put("k" + std::to_string(i), tensor);
  }
  memory_account::SetMax(memory_account::Used() - 5 * kTensorBytes);
  CHECK(memory_account::MakeRoom(0));
  CHECK_EQUAL(keyspace().Size(0), 5);
  CHECK_EQUAL(held_values::Count(), 5u);
  CHECK(memory_account::NotCounted() >= 5 * kTensorBytes);
  held.clear();
  held_values::Sweep();
  CHECK_EQUAL(held_values::Count(), 0u);
  CHECK_EQUAL(memory_account::NotCounted(), 0u);
  CHECK(!memory_account::WouldExceed(0));
}

TEST(ALimitThatSinksIsReachedInTheBackground) {
  Begin(Policy::kAllKeysRandom, /*tenacity=*/0);
  keyspace().StartBackground();
  const size_t base = memory_account::Used();
  for (int i = 0; i < 100'000; i++) Put("k" + std::to_string(i), String::Copy("value"));
  memory_account::SetMax(base + (memory_account::Used() - base) / 10);
  eviction::Configure({.policy = Policy::kAllKeysRandom, .sample_count = 5, .tenacity = 0});
  for (int i = 0; i < 10'000 && memory_account::WouldExceed(0); i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(!memory_account::WouldExceed(0));
  keyspace().StopBackground();
}

TEST(ManyWritersStayBelowTheLimit) {
  Begin(Policy::kAllKeysLru, /*tenacity=*/10);
  keyspace().StartBackground();
  const size_t limit = memory_account::Used() + 64 * kTensorBytes;
  memory_account::SetMax(limit);
  std::atomic<size_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t, &most] {
      for (int i = 0; i < 2000; i++) {
        CHECK(memory_account::MakeRoom(0));
        Ref<Tensor> tensor = NewTensor();
        CHECK(tensor);
        Put("t" + std::to_string(t) + "-" + std::to_string(i), tensor);
        size_t used = memory_account::Used();
        size_t seen = most;
        while (used > seen && !most.compare_exchange_weak(seen, used)) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Each thread may have one under way besides.
  CHECK(most <= limit + eviction::SlackBytes(limit) + 4 * 2 * kTensorBytes);
  CHECK(keyspace().Size(0) >= 32);
  keyspace().StopBackground();
  memory_account::SetMax(0);
}

TEST(AContainerIsFreedAwayFromWhoEvictsIt) {
  Begin(Policy::kAllKeysRandom);
  keyspace().StartBackground();
  std::vector<std::string> words;
  for (int i = 0; i < 200'000; i++) words.push_back("field" + std::to_string(i / 2));
  const std::vector<std::string_view> views(words.begin(), words.end());
  CHECK(hashes::Set(0, "hash", views, false).ok());
  const size_t hash_bytes = keyspace().Find(0, "hash")->footprint(16);
  const size_t exact_bytes = keyspace().Find(0, "hash")->footprint(0);
  CHECK(hash_bytes > exact_bytes * 8 / 10 && hash_bytes < exact_bytes * 12 / 10);
  memory_account::SetMax(memory_account::Used() - 1);
  CHECK(memory_account::MakeRoom(0));
  CHECK(!Exists("hash"));
  for (int i = 0; i < 10'000 && memory_account::NotCounted() > 0; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK_EQUAL(memory_account::NotCounted(), 0u);
  keyspace().StopBackground();
}

TEST(TheTimeLimitFollowsTheTenacity) {
  CHECK_EQUAL(eviction::TimeLimitUs(0), 0);
  CHECK_EQUAL(eviction::TimeLimitUs(10), 500);
  CHECK(eviction::TimeLimitUs(50) > 100'000 && eviction::TimeLimitUs(50) < 200'000);
  CHECK(eviction::TimeLimitUs(100) > 1'000'000'000);
}

RUN_TESTS()
