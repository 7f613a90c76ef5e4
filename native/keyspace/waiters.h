// Commands that wait for keys (BLPOP and the like), over all threads and databases.
//
// Who waits longest for a key is served first, by the command that fills it, before the locks of
// its stripes are released: nobody else can come in between. A waiter has one word that is changed
// once, by compare and swap, so an element goes to exactly one.
//
// Threads: any. Add() under the stripes of the waiter's keys, as is all of serving; the others take
// no stripe, and may be called by a thread that holds some.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "keyspace/freeing.h"
#include "keyspace/reply.h"
#include "keyspace/slot.h"
#include "keyspace/stripe.h"
#include "threads/mailbox.h"

namespace tutti {

// A command that waits, and what it gets. Its result is itself: `completion` is told, and then its
// thread has the reply written.
class Waiter : public Object {
 public:
  struct Key {
    std::string name;
    KeyAddress address;
  };

  // `keys` in the order of the command; any that holds `wanted` will do.
  Waiter(ObjectKind wanted, int db, std::span<const std::string_view> keys);

  // Takes what there is of the first of its keys whose stripe is held, in their order. kNotFound:
  // nothing. Other failures are what the client is answered.
  virtual Status Take(const StripeSet& held, Graveyard& graveyard) = 0;
  // What was taken.
  virtual void Write(Reply& reply) const = 0;
  // Whether a value of the wanted kind has something for it.
  virtual bool IsServedBy(std::string_view, const Object&) const { return true; }
  // Whether being served takes memory: then there must be some.
  virtual bool grows_memory() const { return false; }
  // A stripe that it needs besides, or -1.
  virtual int other_stripe() const { return -1; }

  ObjectKind wanted() const { return wanted_; }
  int db() const { return db_; }
  const std::vector<Key>& keys() const { return keys_; }
  StripeSet stripes() const;

  // Whom to tell, and which client is asked about. Set before Add().
  Completion completion;
  uint64_t client_id = 0;

 private:
  friend class Waiters;
  enum class State : int { kWaiting, kServed, kEnded };

  bool Claim(State state) {
    State waiting = State::kWaiting;
    return state_.compare_exchange_strong(waiting, state, std::memory_order_acq_rel);
  }

  const ObjectKind wanted_;
  const int db_;
  const std::vector<Key> keys_;
  std::atomic<State> state_{State::kWaiting};
  std::atomic<bool> is_permitted_{true};
};

class Waiters {
 public:
  static Waiters& Get();  // never destroyed

  void Add(Ref<Waiter> waiter);
  // The client's wait is over: its time, or its connection. False if it was served before, or does
  // not wait.
  bool End(uint64_t client_id);
  // The same, and tells its thread: kTimedOut or kUnblocked.
  bool Unblock(uint64_t client_id, Code code);
  // Whether what the client waits for may be done when it comes to that: who is not permitted is
  // told kNotPermitted instead of being served, and the next one is.
  void Permit(uint64_t client_id, bool is_permitted);
  // Keys that are waited for.
  int64_t KeyCount() const;

  // --- serving, by who holds stripes ---
  // All keys of a database may hold other values than before. All stripes are held.
  void MarkDatabase(int db);
  // Serves the waiters of the keys that are marked in these stripes, and unlocks them. No other
  // stripe is held.
  void ServeAndUnlock(const StripeSet& locked);

 private:
  // A key that is to be looked at again, under one stripe more.
  struct Deferred {
    KeyAddress address;
    ReadyKey key;
    int other_stripe;
  };
  using Queue = std::list<Ref<Waiter>>;
  using KeyId = std::pair<int, std::string>;

  void Serve(const StripeSet& locked, std::vector<Deferred>& deferred, Graveyard& graveyard);
  void ServeKey(const ReadyKey& key, const StripeSet& locked, std::vector<Deferred>& deferred,
                Graveyard& graveyard);
  void ServeOne(Waiter& waiter, const StripeSet& locked, Graveyard& graveyard);
  // The first that waits for this kind there; null if none does.
  Ref<Waiter> First(const ReadyKey& key, ObjectKind kind) const;
  std::vector<Ref<Waiter>> All(const ReadyKey& key, ObjectKind kind) const;
  void Remove(Waiter& waiter);
  Ref<Waiter> FindClient(uint64_t client_id) const;

  mutable std::mutex mutex_;  // guards everything below; taken after stripes
  std::map<KeyId, Queue, std::less<>> queues_;
  std::unordered_map<uint64_t, Ref<Waiter>> by_client_;
};

}  // namespace tutti
