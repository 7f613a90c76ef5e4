// Commands about keys of any type.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include <optional>
#include <string_view>

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/reply.h"

namespace tutti::keys {

// 1, or 0 if there is no such key, or the target exists and is not to be replaced. The value is
// shared until either changes.
int64_t Copy(int from_db, std::string_view from, int to_db, std::string_view to, bool replace);
void SwapDatabases(int a, int b);

// The keys that match, as an array.
void All(int db, std::string_view pattern, Reply& reply);
// A key, or nil.
void Random(int db, Reply& reply);

struct ScanFilter {
  std::optional<std::string_view> pattern;  // none: any
  ObjectKind kind = ObjectKind::kNone;
  int64_t count = 10;
  bool takes_nothing = false;  // TYPE of a kind that does not exist
};
// The next cursor and an array of keys. A key that is there all the while is replied once at least.
void Scan(int db, uint64_t cursor, const ScanFilter& filter, Reply& reply);
// The same of a hash, set or sorted set, with values and scores. kWrongType.
Status ScanHash(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
                Reply& reply);
Status ScanSet(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
               Reply& reply);
Status ScanSortedSet(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
                     Reply& reply);

// What OBJECT tells. kNotFound.
enum class Fact : int { kEncoding = 0, kReferences = 1, kIdleSeconds = 2, kFrequency = 3 };
Status ReplyFact(int db, std::string_view key, Fact fact, Reply& reply);

// The same facts for DEBUG OBJECT. A null value: there is no such key.
struct ValueFacts {
  Ref<Object> value;
  const char* encoding = "";
  int64_t references = 0;
  uint32_t access = 0;  // as the entry has it
  int64_t idle_seconds = 0;
  int64_t expire_at_ms = kNoExpiry;
};
ValueFacts FactsOf(int db, std::string_view key);

struct SortOrder {
  bool is_sorted = true;
  bool by_text = false;
  bool is_descending = false;
  int64_t offset = 0, count = -1;
};
// The elements of a list, set or sorted set, as an array. kNotSortable.
Status Sort(int db, std::string_view key, const SortOrder& order, Reply& reply);
// As a list under `target`. Its length.
Result<int64_t> SortInto(int db, std::string_view key, const SortOrder& order,
                         std::string_view target);

}  // namespace tutti::keys
