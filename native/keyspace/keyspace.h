// All stored values, shared by all threads.
//
// Keys live in 1,024 stripes (slot / 16), a mutex each, and per stripe and database in one ordered
// tree by (slot, hash): GETKEYSINSLOT is a range, SCAN cursors are stable, a snapshot takes roots.
// Every change goes through Commit(): version, memory account, dirty count, later the journal,
// keyspace events and waiters. Readers get references to immutable values and hold no lock.
//
// Threads: any method from any thread. A method takes and releases the locks it needs, stripes
// ascending, unless its thread holds them through LockStripes() (EXEC).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/object.h"
#include "core/status.h"

namespace tutti {

inline constexpr int kDatabaseCountMax = 16;
inline constexpr int kStripeCount = 1024;
inline constexpr int64_t kNoExpiry = -1;    // the key does not expire
inline constexpr int64_t kKeepExpiry = -2;  // as it was

struct Change {
  int db = 0;
  std::string_view key;
  Ref<Object> value;                             // null deletes
  int64_t expire_at_ms = kNoExpiry;              // Unix time
  ObjectKind required_kind = ObjectKind::kNone;  // an existing key must hold this, else kWrongType
};

struct SetOptions {
  bool only_if_absent = false;   // NX
  bool only_if_present = false;  // XX
  bool want_previous = false;    // GET: the previous value must be a string
  int64_t expire_at_ms = kNoExpiry;
  ObjectKind required_kind = ObjectKind::kNone;
};

struct KeyspaceCounters {
  int64_t hits, misses, expired, evicted, dirty;
};

class Keyspace {
 public:
  static Keyspace& Get();

  // --- any type ---
  // The value, null if absent or expired. `is_use`: it counts as a use of the key.
  Ref<Object> Find(int db, std::string_view key, bool is_use = true);
  // kNotPerformed when NX/XX is not met. `previous`, if asked for, is what the key held.
  Status Set(int db, std::string_view key, Ref<Object> value, const SetOptions& options,
             Ref<Object>* previous);
  // All of the changes or none, atomically: kWrongType if any key holds another type than required.
  Status CommitAll(std::span<const Change> changes);
  int64_t Delete(int db, std::span<const std::string_view> keys);
  int64_t CountExisting(int db, std::span<const std::string_view> keys, bool is_use = false);
  // kNotFound if `from` is absent; kNotPerformed if only_if_absent and `to` exists.
  Status Rename(int db, std::string_view from, std::string_view to, bool only_if_absent);
  // Conditions NX XX GT LT of EXPIRE as bits 1 2 4 8. False: no key, or condition not met. A time
  // in the past deletes.
  bool Expire(int db, std::string_view key, int64_t expire_at_ms, uint32_t conditions);
  bool Persist(int db, std::string_view key);
  // Unix time in ms; kNoExpiry if it has none, -2 if there is no such key.
  int64_t ExpireTime(int db, std::string_view key);
  // From one counter, so that delete-and-recreate differs. Of an absent key 0, or while it is
  // watched (keyspace/watches.h) of when it was last made.
  uint64_t Version(int db, std::string_view key);
  int64_t Size(int db);
  int64_t ExpiringCount(int db);
  // All databases when db is -1 less the one that the command is carried out in. Values are freed
  // on the freeing thread.
  void Flush(int db);
  // Calls visit(key, value) for each live key of `kind` (kNone: any), stripe by stripe, holding no
  // lock during the call.
  void ForEach(int db, ObjectKind kind,
               const std::function<void(std::string_view, const Ref<Object>&)>& visit);
  // The same of any kind: visit(key, value, expire_at_ms).
  void ForEachWithExpiry(
      int db, const std::function<void(std::string_view, const Ref<Object>&, int64_t)>& visit);
  KeyspaceCounters Counters();
  // Bytes that a key takes with its value; -1 if there is none. `sample_count`: as
  // Object::footprint().
  int64_t Footprint(int db, std::string_view key, int64_t sample_count);
  // Bytes of the index of a database, about.
  int64_t IndexBytes(int db);
  // Milliseconds until its keys that expire do so, on average, judged by a few of each stripe.
  int64_t AverageTtlMs(int db);

  // --- transactions ---
  // Locks the stripes of these slots (all if empty) for this thread until UnlockStripes().
  void LockStripes(std::span<const uint16_t> slots);
  void UnlockStripes();

  // --- expiry ---
  // Starts and ends the expiry and freeing threads (nice 19).
  void StartBackground();
  void StopBackground();
};

// CRC16 (XMODEM) of the key, or of its hash tag, modulo 16384 (Redis Cluster specification).
uint16_t KeySlot(std::string_view key);

}  // namespace tutti
