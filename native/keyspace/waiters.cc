#include "keyspace/waiters.h"

#include <algorithm>

#include "core/memory_account.h"
#include "keyspace/commit.h"
#include "keyspace/journal.h"

namespace tutti {

namespace {

std::vector<Waiter::Key> KeysOf(std::span<const std::string_view> names) {
  std::vector<Waiter::Key> keys;
  keys.reserve(names.size());
  for (const std::string_view name : names) {
    const bool is_known = std::any_of(keys.begin(), keys.end(),
                                      [&](const Waiter::Key& key) { return key.name == name; });
    if (!is_known) keys.push_back({std::string(name), AddressOf(name)});
  }
  return keys;
}

template <typename Visit>
void ForEachOf(const StripeSet& set, Visit visit) {
  for (size_t i = set._Find_first(); i < set.size(); i = set._Find_next(i)) {
    visit(StripeAt(static_cast<int>(i)));
  }
}

}  // namespace

Waiter::Waiter(ObjectKind wanted, int db, std::span<const std::string_view> keys)
    : Object(ObjectKind::kNone), wanted_(wanted), db_(db), keys_(KeysOf(keys)) {}

StripeSet Waiter::stripes() const {
  StripeSet set;
  for (const Key& key : keys_) set.set(key.address.stripe);
  if (other_stripe() >= 0) set.set(static_cast<size_t>(other_stripe()));
  return set;
}

Waiters& Waiters::Get() {
  static Waiters* const waiters = new Waiters;
  return *waiters;
}

void Waiters::Add(Ref<Waiter> waiter) {
  const std::lock_guard lock(mutex_);
  for (const Waiter::Key& key : waiter->keys()) {
    queues_[{waiter->db(), key.name}].push_back(waiter);
    StripeAt(key.address.stripe).waiter_count.fetch_add(1, std::memory_order_relaxed);
  }
  const uint64_t client_id = waiter->client_id;
  by_client_.insert_or_assign(client_id, std::move(waiter));
}

void Waiters::Remove(Waiter& waiter) {
  Ref<Waiter> last;  // goes behind the lock
  const std::lock_guard lock(mutex_);
  const auto client = by_client_.find(waiter.client_id);
  if (client == by_client_.end() || client->second.get() != &waiter) return;
  last = std::move(client->second);
  by_client_.erase(client);
  for (const Waiter::Key& key : waiter.keys()) {
    const auto queue = queues_.find(KeyId(waiter.db(), key.name));
    const auto place = std::find_if(queue->second.begin(), queue->second.end(),
                                    [&](const Ref<Waiter>& each) { return each.get() == &waiter; });
    queue->second.erase(place);
    if (queue->second.empty()) queues_.erase(queue);
    StripeAt(key.address.stripe).waiter_count.fetch_sub(1, std::memory_order_relaxed);
  }
}

Ref<Waiter> Waiters::FindClient(uint64_t client_id) const {
  const std::lock_guard lock(mutex_);
  const auto client = by_client_.find(client_id);
  return client == by_client_.end() ? nullptr : client->second;
}

bool Waiters::End(uint64_t client_id) {
  const Ref<Waiter> waiter = FindClient(client_id);
  if (!waiter || !waiter->Claim(Waiter::State::kEnded)) return false;
  Remove(*waiter);
  return true;
}

bool Waiters::Unblock(uint64_t client_id, Code code) {
  const Ref<Waiter> waiter = FindClient(client_id);
  if (!waiter || !waiter->Claim(Waiter::State::kEnded)) return false;
  Remove(*waiter);
  waiter->completion.Done(code);
  return true;
}

void Waiters::Permit(uint64_t client_id, bool is_permitted) {
  const Ref<Waiter> waiter = FindClient(client_id);
  if (waiter) waiter->is_permitted_.store(is_permitted, std::memory_order_relaxed);
}

int64_t Waiters::KeyCount() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(queues_.size());
}

Ref<Waiter> Waiters::First(const ReadyKey& key, ObjectKind kind) const {
  const std::lock_guard lock(mutex_);
  const auto queue = queues_.find(KeyId(key.db, key.name));
  if (queue == queues_.end()) return nullptr;
  for (const Ref<Waiter>& waiter : queue->second) {
    if (waiter->wanted() == kind) return waiter;
  }
  return nullptr;
}

std::vector<Ref<Waiter>> Waiters::All(const ReadyKey& key, ObjectKind kind) const {
  std::vector<Ref<Waiter>> all;
  const std::lock_guard lock(mutex_);
  const auto queue = queues_.find(KeyId(key.db, key.name));
  if (queue == queues_.end()) return all;
  for (const Ref<Waiter>& waiter : queue->second) {
    if (waiter->wanted() == kind) all.push_back(waiter);
  }
  return all;
}

void Waiters::MarkDatabase(int db) {
  const std::lock_guard lock(mutex_);
  for (auto queue = queues_.lower_bound(KeyId(db, "")); queue != queues_.end(); ++queue) {
    if (queue->first.first != db) break;
    const std::string& name = queue->first.second;
    StripeAt(AddressOf(name).stripe).ready_keys.push_back({db, name});
  }
}

void Waiters::ServeOne(Waiter& waiter, const StripeSet& locked, Graveyard& graveyard) {
  const bool is_ours = waiter.Claim(Waiter::State::kServed);
  Remove(waiter);
  if (!is_ours) return;
  if (!waiter.is_permitted_.load(std::memory_order_relaxed)) {
    waiter.completion.Done(Code::kNotPermitted);
    return;
  }
  if (waiter.grows_memory() && !memory_account::MayFit(0)) {
    waiter.completion.Done(Code::kOutOfMemory);
    return;
  }
  const journal::Apart apart;
  const Status status = waiter.Take(locked, graveyard);
  waiter.completion.Done(status.code(), {}, Ref<Waiter>::Share(&waiter));
}

void Waiters::ServeKey(const ReadyKey& key, const StripeSet& locked,
                       std::vector<Deferred>& deferred, Graveyard& graveyard) {
  const KeyAddress address = AddressOf(key.name);
  for (;;) {
    const KeyState state = LookUpForWrite(key.db, address, key.name, graveyard);
    if (!state.exists()) return;
    const ObjectKind kind = state.value()->kind();
    if (kind == ObjectKind::kStream) {
      // Reading takes nothing away: all are served.
      for (const Ref<Waiter>& waiter : All(key, kind)) {
        if (waiter->IsServedBy(key.name, *state.value())) ServeOne(*waiter, locked, graveyard);
      }
      return;
    }
    const Ref<Waiter> waiter = First(key, kind);
    if (!waiter) return;
    const int other = waiter->other_stripe();
    if (other >= 0 && !locked.test(static_cast<size_t>(other))) {
      deferred.push_back({address, key, other});
      return;
    }
    ServeOne(*waiter, locked, graveyard);
  }
}

void Waiters::Serve(const StripeSet& locked, std::vector<Deferred>& deferred,
                    Graveyard& graveyard) {
  // Who is served may fill another key.
  for (bool has_served = true; has_served;) {
    has_served = false;
    ForEachOf(locked, [&](Stripe& stripe) {
      while (!stripe.ready_keys.empty()) {
        has_served = true;
        const std::vector<ReadyKey> ready = std::exchange(stripe.ready_keys, {});
        for (const ReadyKey& key : ready) ServeKey(key, locked, deferred, graveyard);
      }
    });
  }
}

void Waiters::ServeAndUnlock(const StripeSet& locked) {
  const journal::Apart apart;
  std::vector<Deferred> deferred;
  {
    Graveyard graveyard;
    Serve(locked, deferred, graveyard);
    UnlockStripes(locked);
  }
  // By index: it grows meanwhile.
  for (size_t i = 0; i < deferred.size(); ++i) {
    StripeSet both;
    both.set(deferred[i].address.stripe);
    both.set(static_cast<size_t>(deferred[i].other_stripe));
    LockStripes(both);
    StripeAt(deferred[i].address.stripe).ready_keys.push_back(std::move(deferred[i].key));
    Graveyard graveyard;
    Serve(both, deferred, graveyard);
    UnlockStripes(both);
  }
}

}  // namespace tutti
