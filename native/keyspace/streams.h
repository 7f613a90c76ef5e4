// The commands about streams.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/reply.h"
#include "keyspace/stream.h"

namespace tutti::streams {

// What MAXLEN and MINID leave.
struct Trim {
  enum class By : int { kNothing = 0, kLength = 1, kId = 2 } by = By::kNothing;
  bool is_approximate = false;
  int64_t length_max = 0;
  StreamId id_min;
  int64_t limit = -1;  // of an approximate trim: most entries removed; 0 none, -1 Redis' own
};

// An id as XADD takes it: `*`, `ms-*`, or a whole one.
struct NewId {
  bool has_ms = false, has_sequence = false;
  StreamId id;
};
// kInvalidStreamId.
Result<NewId> ParseNewId(std::string_view text);
// A whole id; without a sequence it has `sequence`.
Result<StreamId> ParseId(std::string_view text, uint64_t sequence);
// The bound of a range: `-`, `+`, and `(` for beyond it. kInvalidStartId and kInvalidEndId too.
Result<StreamId> ParseBound(std::string_view text, bool is_end);

// Replies with the id, or nil if there is no stream and none is to be made. kStreamIdTooSmall,
// kStreamIdZero, kStreamExhausted.
Status Add(int db, std::string_view key, const NewId& id, const Trim& trim, bool makes_stream,
           Words fields_and_values, Reply& reply);
// An array of entries, `count` of them, or all below 0.
void ReplyEntries(const StoredStream& stream, const StreamId& first, const StreamId& last,
                  bool is_reversed, int64_t count, Reply& reply);
Result<int64_t> Remove(int db, std::string_view key, std::span<const StreamId> ids);
Result<int64_t> TrimTo(int db, std::string_view key, const Trim& trim);
// Entries as an array; `count` below 0: all, 0: a nil array.
Status Range(int db, std::string_view key, const StreamId& first, const StreamId& last,
             bool is_reversed, int64_t count, Reply& reply);
// Entries behind the ids of each stream that has any; `$` is behind its last. A nil array if none
// has. kInvalidStreamId.
Status Read(int db, Words keys, Words ids, int64_t count, Reply& reply);
// `entries_added` below 0: as it is. kNotFound, kSetIdTooSmall and the like.
Status SetId(int db, std::string_view key, const StreamId& id, int64_t entries_added,
             const std::optional<StreamId>& max_deleted);
// XINFO STREAM; `is_full` with `count` entries, 0 with all. kNotFound.
Status Describe(int db, std::string_view key, bool is_full, int64_t count, Reply& reply);
// XINFO GROUPS. kNotFound.
Status DescribeGroups(int db, std::string_view key, Reply& reply);
// XINFO CONSUMERS. kNotFound, kNoSuchGroup.
Status DescribeConsumers(int db, std::string_view key, std::string_view name, Reply& reply);

}  // namespace tutti::streams
