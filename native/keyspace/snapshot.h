// All keys as they are at one moment, shared with the keyspace: the roots of its trees.
//
// Taking it holds every stripe's lock at once, so that it lies between any two transactions, but
// only for as long as it takes to count references to the roots; nothing is copied. From then on
// it costs a writer a copy of each node that it is the first to change
// (test/native/snapshot_bench.cc).
//
// Threads: one at a time, which need not be the one that took it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "keyspace/key_index.h"
#include "keyspace/keyspace.h"

namespace tutti {

class KeyspaceSnapshot {
 public:
  KeyspaceSnapshot() = default;
  // `under_locks` is called while all locks are held: what it notes belongs to the same moment.
  static KeyspaceSnapshot Take(const std::function<void()>& under_locks = nullptr);

  int64_t key_count(int db) const { return databases_[static_cast<size_t>(db)].key_count; }
  int64_t expiring_count(int db) const {
    return databases_[static_cast<size_t>(db)].expiring_count;
  }
  int64_t key_count() const;
  // KeyspaceCounters::dirty of that moment.
  int64_t dirty() const { return dirty_; }

  // visit(const Entry&) for each key of a database, also those that have expired, until it answers
  // false. Each tree is let go of once it is visited.
  template <typename Visit>
  void TakeEach(int db, Visit visit) {
    for (KeyIndex& root : databases_[static_cast<size_t>(db)].roots) {
      const KeyIndex index = std::move(root);
      KeyIndex::Path path = index.SeekIndex(0);
      for (bool more = index.Settle(path); more; more = index.Next(path)) {
        if (!visit(static_cast<const Entry&>(*path.leaf->EntryAt(path.position)))) return;
      }
    }
  }

 private:
  struct Database {
    std::vector<KeyIndex> roots;
    int64_t key_count = 0, expiring_count = 0;
  };

  std::array<Database, kDatabaseCountMax> databases_;
  int64_t dirty_ = 0;
};

}  // namespace tutti
