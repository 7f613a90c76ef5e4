// The keys that clients watch for their transactions (WATCH).
//
// What a client has seen of a key is its version, and a change gives it another one. A key that is
// absent has none to be changed: as long as somebody watches it, its stripe keeps one for it, which
// changes when the key is made. So a key that is made and deleted again has changed too, as in
// Redis, where any change counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "keyspace/slot.h"

namespace tutti {

// Those of one stripe, by database and place in the order: where two keys share a place, what is
// done to one counts for both.
//
// Threads: under the stripe's lock.
class StripeWatches {
 public:
  void Add(int db, uint64_t order) { ++watches_[{db, order}].watcher_count; }
  void Remove(int db, uint64_t order);
  bool empty() const { return watches_.empty(); }
  // A key is made there.
  void NoteNew(int db, uint64_t order);
  // 0 if it is not watched, or has not been made since somebody began to.
  uint64_t AbsentVersion(int db, uint64_t order) const;
  // Calls visit(db, order, uint64_t& absent_version).
  template <typename Visit>
  void ForEach(Visit visit) {
    for (auto& [place, watch] : watches_) visit(place.first, place.second, watch.absent_version);
  }

 private:
  struct Watch {
    uint32_t watcher_count = 0;
    uint64_t absent_version = 0;
  };
  std::map<std::pair<int, uint64_t>, Watch> watches_;
};

// As Keyspace::Version(). The key's stripe is locked.
uint64_t VersionUnderLock(int db, const KeyAddress& address, std::string_view key);

// Those of one client.
//
// Threads: its own. A method locks the stripes of its keys.
class WatchedKeys {
 public:
  WatchedKeys() = default;
  ~WatchedKeys() { Clear(); }
  WatchedKeys(const WatchedKeys&) = delete;
  WatchedKeys& operator=(const WatchedKeys&) = delete;
  WatchedKeys(WatchedKeys&&) = default;
  WatchedKeys& operator=(WatchedKeys&&) = delete;

  // From now on, or as before if it is one already.
  void Add(int db, std::string_view key);
  void Clear();
  size_t size() const { return keys_.size(); }
  // Whether one is not as it was.
  bool IsAnyChanged() const;
  // Each of them, some perhaps twice.
  std::vector<uint16_t> Slots() const;

 private:
  // A map keeps what is added out of order findable in O(log n): who watches 10,000 keys looks for
  // each of them.
  std::map<std::pair<int, std::string>, uint64_t, std::less<>> keys_;  // to their versions
};

}  // namespace tutti
