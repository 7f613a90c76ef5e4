#include "keyspace/eviction.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/latency_monitor.h"
#include "core/memory_account.h"
#include "core/random.h"
#include "keyspace/commit.h"
#include "keyspace/expiry.h"
#include "keyspace/held_values.h"

namespace tutti::eviction {

namespace {

using Clock = std::chrono::steady_clock;

// Candidates that a thread remembers from sample to sample, as in Redis.
constexpr size_t kCandidatesMax = 16;
// Keys evicted between two looks at the clock.
constexpr int kKeysPerClock = 16;
// Rounds of samples that may find nothing but candidates that are gone or were used meanwhile.
constexpr int kRoundsMax = 16;
// Tries to meet a live item of an expiry queue before its old ones are removed.
constexpr int kQueueTriesMax = 8;
constexpr int64_t kBackgroundUs = 1000;
// Elements that a container's size is judged by.
constexpr int64_t kSizeSampleCount = 16;
constexpr size_t kSlackBytesMin = size_t{1} << 20;

std::atomic<Policy> policy{Policy::kNone};
std::atomic<int64_t> sample_count{5};
std::atomic<int64_t> time_limit_us{500};

bool IsVolatile(Policy which) { return which >= Policy::kVolatileLru; }
bool IsRandom(Policy which) {
  return which == Policy::kAllKeysRandom || which == Policy::kVolatileRandom;
}

// The higher, the sooner it goes.
uint64_t ScoreOf(Policy which, const Entry& entry) {
  const uint32_t access = entry.access.load(std::memory_order_relaxed);
  switch (which) {
    case Policy::kAllKeysLru:
    case Policy::kVolatileLru:
      return static_cast<uint64_t>(IdleSeconds(access));
    case Policy::kAllKeysLfu:
    case Policy::kVolatileLfu:
      return static_cast<uint64_t>(255 - AccessFrequency(access));
    case Policy::kVolatileTtl:
      return UINT64_MAX - static_cast<uint64_t>(entry.expire_at_ms);
    default:
      return 0;
  }
}

struct Candidate {
  uint64_t score;
  int db;
  std::string key;
};

// Some of the best candidates met so far, the best one last.
struct Candidates {
  Policy policy = Policy::kNone;
  std::vector<Candidate> list;

  void Add(Policy which, int db, const Entry& entry) {
    const uint64_t score = ScoreOf(which, entry);
    const bool is_full = list.size() >= kCandidatesMax;
    if (is_full && score <= list.front().score) return;
    for (const Candidate& known : list) {
      if (known.db == db && known.key == entry.key()) return;
    }
    if (is_full) list.erase(list.begin());
    const auto place = std::ranges::upper_bound(list, score, {}, &Candidate::score);
    list.insert(place, {score, db, std::string(entry.key())});
  }
};

Candidates& candidates_of_thread() {
  thread_local std::unique_ptr<Candidates> own;
  if (!own) own = std::make_unique<Candidates>();
  return *own;
}

int64_t KeyCount(const Stripe& stripe) {
  int64_t count = 0;
  for (const Database& database : stripe.databases) {
    count += database.key_count.load(std::memory_order_relaxed);
  }
  return count;
}

// A key of the stripe by chance. Under its lock.
std::optional<KeyState> AnyKey(Stripe& stripe) {
  const int64_t count = KeyCount(stripe);
  if (count == 0) return std::nullopt;
  auto index = static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(count)));
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    KeyIndex& keys = stripe.databases[static_cast<size_t>(db)].index;
    if (index >= keys.size()) {
      index -= keys.size();
      continue;
    }
    const KeyIndex::Path path = keys.SeekIndex(index);
    Entry* entry = path.leaf->EntryAt(path.position);
    return KeyState{stripe, db, AddressOf(entry->key()), entry->key(), {path, entry}};
  }
  return std::nullopt;
}

// The key that an item of the expiry queue is about, unless it expires at another time by now.
std::optional<KeyState> KeyOf(Stripe& stripe, const ExpiryQueue::Item& item) {
  KeyIndex& keys = stripe.databases[static_cast<size_t>(item.db)].index;
  KeyIndex::Path path = keys.SeekOrder(item.order);
  for (bool more = keys.Settle(path); more; more = keys.Next(path)) {
    if (path.leaf->OrderOf(path.position) != item.order) break;
    Entry* entry = path.leaf->EntryAt(path.position);
    if (entry->expire_at_ms != item.expire_at_ms) continue;
    return KeyState{stripe, item.db, AddressOf(entry->key()), entry->key(), {path, entry}};
  }
  return std::nullopt;
}

// A key of the stripe that expires, by chance. Under its lock.
std::optional<KeyState> AnyExpiringKey(Stripe& stripe) {
  ExpiryQueue& queue = stripe.expiry_queue;
  for (int tries = 0; !queue.empty(); ++tries) {
    if (tries == kQueueTriesMax) CleanExpiryQueue(stripe);
    if (queue.empty()) break;
    auto found = KeyOf(stripe, queue.At(RandomBelow(queue.size())));
    if (found) return found;
  }
  return std::nullopt;
}

// Calls visit(KeyState&) under the lock of a stripe by chance, or of the next one that has such a
// key. False if none has.
template <typename Visit>
bool VisitAnyKey(Policy which, Visit visit) {
  const auto first = static_cast<int>(RandomBelow(kStripeCount));
  for (int i = 0; i < kStripeCount; ++i) {
    const int index = (first + i) % kStripeCount;
    Stripe& stripe = StripeAt(index);
    const bool may_have =
        IsVolatile(which)
            ? stripe.next_expiry_ms.load(std::memory_order_relaxed) != ExpiryQueue::kNever
            : KeyCount(stripe) > 0;
    if (!may_have) continue;
    StripeLock lock(index);
    auto found = IsVolatile(which) ? AnyExpiringKey(stripe) : AnyKey(stripe);
    if (!found) continue;
    visit(*found);
    return true;
  }
  return false;
}

// Deletes the key and answers how many bytes that is worth. Under its stripe's lock; what it held
// goes to `value`.
size_t Evict(KeyState& state, Graveyard& graveyard, Ref<Object>& value) {
  value = state.value();
  const size_t bytes = value->footprint(kSizeSampleCount) + sizeof(Entry) + state.key.size();
  AddUnderLock(state.stripe.counters.evicted, 1);
  Commit(state, nullptr, kNoExpiry, {events::kEvicted}, graveyard);
  return bytes;
}

// Of what was evicted, 0 if the candidate is gone or was used meanwhile.
size_t EvictCandidate(const Candidate& candidate, Policy which, Ref<Object>& value) {
  const KeyAddress address = AddressOf(candidate.key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUp(candidate.db, address, candidate.key);
  if (!state.exists()) return 0;
  const Entry& entry = state.entry();
  if (IsVolatile(which) && entry.expire_at_ms < 0) return 0;
  // It was used meanwhile, or has another expiry.
  if (ScoreOf(which, entry) < candidate.score) return 0;
  return Evict(state, graveyard, value);
}

size_t EvictAny(Policy which, Ref<Object>& value) {
  size_t bytes = 0;
  Graveyard graveyard;
  VisitAnyKey(which, [&](KeyState& state) { bytes = Evict(state, graveyard, value); });
  return bytes;
}

size_t EvictBest(Policy which, Ref<Object>& value) {
  Candidates& candidates = candidates_of_thread();
  if (candidates.policy != which) candidates = {which, {}};
  for (int round = 0; round < kRoundsMax; ++round) {
    const int64_t wanted = sample_count.load(std::memory_order_relaxed);
    for (int64_t i = 0; i < wanted; ++i) {
      const bool has_any = VisitAnyKey(
          which, [&](const KeyState& state) { candidates.Add(which, state.db, state.entry()); });
      if (!has_any) break;
    }
    if (candidates.list.empty()) return 0;
    while (!candidates.list.empty()) {
      const Candidate best = std::move(candidates.list.back());
      candidates.list.pop_back();
      if (const size_t bytes = EvictCandidate(best, which, value)) return bytes;
    }
  }
  return EvictAny(which, value);
}

// One key. The bytes it is worth, 0 if there is none that may go.
size_t EvictOne(Policy which) {
  if (which == Policy::kNone) return 0;
  Ref<Object> value;
  const size_t bytes = IsRandom(which) ? EvictAny(which, value) : EvictBest(which, value);
  if (value) held_values::Release(std::move(value), bytes);
  return bytes;
}

// Tells the latency monitor how long it took.
struct Cycle {
  const Clock::time_point begin = Clock::now();
  ~Cycle() {
    const auto taken = Clock::now() - begin;
    latency_monitor::Note("eviction-cycle",
                          std::chrono::duration_cast<std::chrono::microseconds>(taken).count());
  }
};

// Whoever holds a stripe cannot wait for another one, and goes on: the next command makes up for
// it.
bool MakeRoom(size_t more) {
  const size_t max = memory_account::Max();
  if (more > max) return false;
  if (ThisThreadHasLocks()) {
    expiry::Wake();
    return true;
  }
  held_values::Sweep();
  const Cycle cycle;
  const Clock::time_point deadline =
      cycle.begin + std::chrono::microseconds(time_limit_us.load(std::memory_order_relaxed));
  size_t evicted_bytes = 0;
  for (int count = 1; memory_account::WouldExceed(more); ++count) {
    const size_t bytes = EvictOne(policy.load(std::memory_order_relaxed));
    if (bytes == 0) return !memory_account::WouldExceed(more);
    evicted_bytes += bytes;
    if (count % kKeysPerClock != 0 || Clock::now() < deadline) continue;
    // The rest is the expiry thread's, but nobody adds more than he has taken away once the slack
    // is used up.
    expiry::Wake();
    const size_t slack = SlackBytes(max);
    const bool is_within_slack = more <= slack && !memory_account::WouldExceedBy(more, slack);
    if (is_within_slack || evicted_bytes >= more) return true;
  }
  return true;
}

}  // namespace

void Configure(const Settings& settings) {
  policy.store(settings.policy, std::memory_order_relaxed);
  sample_count.store(std::max<int64_t>(settings.sample_count, 1), std::memory_order_relaxed);
  time_limit_us.store(TimeLimitUs(settings.tenacity), std::memory_order_relaxed);
  memory_account::SetReclaim(settings.policy == Policy::kNone ? nullptr : MakeRoom);
  expiry::Wake();
}

int64_t TimeLimitUs(int64_t tenacity) {
  constexpr int64_t kForEver = 3'600'000'000;
  if (tenacity <= 10) return 50 * std::max<int64_t>(tenacity, 0);
  if (tenacity >= 100) return kForEver;
  return static_cast<int64_t>(500.0 * std::pow(1.15, static_cast<double>(tenacity) - 10.0));
}

size_t SlackBytes(size_t max_bytes) { return std::max(max_bytes / 64, kSlackBytesMin); }

bool RunInBackground() {
  held_values::Sweep();
  const Clock::time_point deadline = Clock::now() + std::chrono::microseconds(kBackgroundUs);
  while (memory_account::WouldExceed(0)) {
    const Policy which = policy.load(std::memory_order_relaxed);
    if (EvictOne(which) == 0) return false;
    if (Clock::now() >= deadline) return true;
  }
  return false;
}

}  // namespace tutti::eviction
