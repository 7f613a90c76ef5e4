// What changes of keys are called, for clients that listen to them: classes and names as Redis 7.2
// has them (redis.io, "Redis keyspace notifications"), and names of our own for values of RedisAI.
#pragma once

#include <cstdint>

#include "core/object.h"

namespace tutti {

// A letter of notify-keyspace-events each. Values are part of the binding's interface
// (lib/config/keyspace-events.ts).
enum class EventClass : uint32_t {
  kNone = 0,
  kGeneric = 1 << 0,    // g
  kString = 1 << 1,     // $
  kList = 1 << 2,       // l
  kSet = 1 << 3,        // s
  kHash = 1 << 4,       // h
  kSortedSet = 1 << 5,  // z
  kExpired = 1 << 6,    // x
  kEvicted = 1 << 7,    // e
  kStream = 1 << 8,     // t
  kModule = 1 << 9,     // d: values of RedisAI
  kNew = 1 << 10,       // n
  kMiss = 1 << 11,      // m
};
// Which channels tell of them: K and E.
inline constexpr uint32_t kTellKeyspace = 1 << 12;
inline constexpr uint32_t kTellKeyEvent = 1 << 13;

struct Event {
  EventClass event_class = EventClass::kNone;
  const char* name = nullptr;  // null: nobody is told
};

// What a change is besides the value that the key holds from then on.
struct Effect {
  Event event;
  int64_t dirty = 1;  // how many changes it counts as
  Event also = {};    // told after `event`: the expiry of SET EX, the end of an emptied container
};

namespace events {

// Of any type.
inline constexpr Event kNone{};
inline constexpr Event kDelete{EventClass::kGeneric, "del"};
inline constexpr Event kExpire{EventClass::kGeneric, "expire"};
inline constexpr Event kPersist{EventClass::kGeneric, "persist"};
inline constexpr Event kRenameFrom{EventClass::kGeneric, "rename_from"};
inline constexpr Event kRenameTo{EventClass::kGeneric, "rename_to"};
inline constexpr Event kCopyTo{EventClass::kGeneric, "copy_to"};
inline constexpr Event kRestore{EventClass::kGeneric, "restore"};
inline constexpr Event kExpired{EventClass::kExpired, "expired"};
inline constexpr Event kEvicted{EventClass::kEvicted, "evicted"};
inline constexpr Event kNew{EventClass::kNew, "new"};
inline constexpr Event kMiss{EventClass::kMiss, "keymiss"};

inline constexpr Event kStringSet{EventClass::kString, "set"};
inline constexpr Event kStringSetRange{EventClass::kString, "setrange"};
inline constexpr Event kStringAppend{EventClass::kString, "append"};
inline constexpr Event kStringIncrement{EventClass::kString, "incrby"};
inline constexpr Event kStringIncrementFloat{EventClass::kString, "incrbyfloat"};
inline constexpr Event kStringSetBit{EventClass::kString, "setbit"};

inline constexpr Event kListInsert{EventClass::kList, "linsert"};
inline constexpr Event kListSet{EventClass::kList, "lset"};
inline constexpr Event kListRemove{EventClass::kList, "lrem"};
inline constexpr Event kListTrim{EventClass::kList, "ltrim"};
inline constexpr Event kSortStore{EventClass::kList, "sortstore"};
constexpr Event ListPush(bool at_tail) { return {EventClass::kList, at_tail ? "rpush" : "lpush"}; }
constexpr Event ListPop(bool from_tail) { return {EventClass::kList, from_tail ? "rpop" : "lpop"}; }

inline constexpr Event kSetAdd{EventClass::kSet, "sadd"};
inline constexpr Event kSetRemove{EventClass::kSet, "srem"};
inline constexpr Event kSetPop{EventClass::kSet, "spop"};
inline constexpr Event kSetUnion{EventClass::kSet, "sunionstore"};
inline constexpr Event kSetIntersection{EventClass::kSet, "sinterstore"};
inline constexpr Event kSetDifference{EventClass::kSet, "sdiffstore"};

inline constexpr Event kHashSet{EventClass::kHash, "hset"};
inline constexpr Event kHashRemove{EventClass::kHash, "hdel"};
inline constexpr Event kHashIncrement{EventClass::kHash, "hincrby"};
inline constexpr Event kHashIncrementFloat{EventClass::kHash, "hincrbyfloat"};

inline constexpr Event kSortedSetAdd{EventClass::kSortedSet, "zadd"};
inline constexpr Event kSortedSetIncrement{EventClass::kSortedSet, "zincr"};
inline constexpr Event kSortedSetRemove{EventClass::kSortedSet, "zrem"};
inline constexpr Event kSortedSetRemoveByRank{EventClass::kSortedSet, "zremrangebyrank"};
inline constexpr Event kSortedSetRemoveByScore{EventClass::kSortedSet, "zremrangebyscore"};
inline constexpr Event kSortedSetRemoveByLex{EventClass::kSortedSet, "zremrangebylex"};
inline constexpr Event kSortedSetStoreRange{EventClass::kSortedSet, "zrangestore"};
inline constexpr Event kSortedSetUnion{EventClass::kSortedSet, "zunionstore"};
inline constexpr Event kSortedSetIntersection{EventClass::kSortedSet, "zinterstore"};
inline constexpr Event kSortedSetDifference{EventClass::kSortedSet, "zdiffstore"};
constexpr Event SortedSetPop(bool from_max) {
  return {EventClass::kSortedSet, from_max ? "zpopmax" : "zpopmin"};
}

inline constexpr Event kStreamAdd{EventClass::kStream, "xadd"};
inline constexpr Event kStreamRemove{EventClass::kStream, "xdel"};
inline constexpr Event kStreamTrim{EventClass::kStream, "xtrim"};
inline constexpr Event kStreamSetId{EventClass::kStream, "xsetid"};

inline constexpr Event kTensorSet{EventClass::kModule, "ai.tensorset"};
inline constexpr Event kModelStore{EventClass::kModule, "ai.modelstore"};
inline constexpr Event kScriptStore{EventClass::kModule, "ai.scriptstore"};

// Of a key that is given a whole value of this kind: an output of a run, say, as by AI.TENSORSET.
constexpr Event Stored(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kTensor:
      return kTensorSet;
    case ObjectKind::kModel:
      return kModelStore;
    case ObjectKind::kScript:
      return kScriptStore;
    default:
      return kStringSet;
  }
}

}  // namespace events

}  // namespace tutti
