// The commands about sets.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/reply.h"
#include "keyspace/set.h"

namespace tutti::sets {

enum class Operation : int { kUnion = 0, kIntersection = 1, kDifference = 2 };

// How many members are new, or were there.
Result<int64_t> Add(int db, std::string_view key, Words members);
Result<int64_t> Remove(int db, std::string_view key, Words members);
// 1 if the member was in `from` and now is in `to`.
Result<int64_t> Move(int db, std::string_view from, std::string_view to, std::string_view member);
// SPOP: `count` below 0 is none given, one bulk or nil; else a set.
Status Pop(int db, std::string_view key, int64_t count, Reply& reply);
// SRANDMEMBER: without `has_count` one bulk or nil; a negative count may repeat members.
Status Random(int db, std::string_view key, bool has_count, int64_t count, Reply& reply);
Status ContainsEach(int db, std::string_view key, Words members, Reply& reply);
// The members of the result as a set.
Status Combine(int db, Operation operation, Words keys, Reply& reply);
// keys[0] is the destination. The result's length.
Result<int64_t> CombineAndStore(int db, Operation operation, Words keys);
// Of the intersection, at most `limit` (0: no limit).
Result<int64_t> IntersectionLength(int db, Words keys, int64_t limit);

}  // namespace tutti::sets
