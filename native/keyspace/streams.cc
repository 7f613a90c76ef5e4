#include "keyspace/streams.h"

#include <algorithm>
#include <charconv>

#include "keyspace/clock.h"
#include "keyspace/journal.h"
#include "keyspace/limits.h"

namespace tutti::streams {

namespace {

// As Redis parses an unsigned integer: no sign, blank or leading zero.
std::optional<uint64_t> ParseUnsigned(std::string_view text) {
  if (text.empty() || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// A stream is there without entries too: not PutContainer().
void PutStream(KeyState& state, Ref<StoredStream> stream, const Effect& effect,
               Graveyard& graveyard) {
  if (effect.dirty > 0) {
    Commit(state, std::move(stream), kKeepExpiry, effect, graveyard);
  } else if (state.exists()) {
    ReturnValue(state, std::move(stream));
  }
}

// As many of the first `excess` entries as are in nodes that go whole: of `node` entries each, the
// last one of those added since it was full. (Redis' nodes also end at stream-node-max-bytes.)
int64_t WholeNodes(const StoredStream& stream, int64_t excess, int64_t node) {
  const int64_t in_last = (static_cast<int64_t>(stream.entries_added) - 1) % node + 1;
  const int64_t over = stream.length() - excess - in_last;  // kept, beyond the last node
  const int64_t kept_nodes = over > 0 ? (over + node - 1) / node : 0;
  return std::max<int64_t>(stream.length() - in_last - kept_nodes * node, 0);
}

// Removes what the trim says. How many. An approximate one goes by whole nodes of Redis' size.
int64_t Apply(StoredStream& stream, const Trim& trim, Graveyard& graveyard) {
  int64_t excess = 0;
  if (trim.by == Trim::By::kLength) excess = stream.length() - trim.length_max;
  if (trim.by == Trim::By::kId) excess = stream.CountBefore(trim.id_min);
  excess = std::max<int64_t>(excess, 0);
  if (trim.is_approximate) {
    constexpr int64_t kNodesMax = 100;  // of one trim without LIMIT
    const int64_t node_setting = Limit(value_limits.stream_node_entries);
    const int64_t node = node_setting > 0 ? node_setting : 100;
    const int64_t limit = trim.limit < 0 ? kNodesMax * node : trim.limit;
    if (limit > 0) excess = std::min(excess, limit);
    if (excess < stream.length()) excess = WholeNodes(stream, excess, node);
  }
  stream.RemoveFirst(excess, graveyard);
  return excess;
}

// Which entries are left, whatever the trim has made of its words.
void SayTrim(int db, std::string_view key, const StoredStream& stream) {
  journal::Say(db, {"XTRIM", key, "MAXLEN", "=", std::to_string(stream.length())});
}

void SayAdd(int db, std::string_view key, const StreamId& id, Words fields_and_values) {
  const std::string id_text = id.Text();
  std::vector<std::string_view> words{"XADD", key, id_text};
  words.insert(words.end(), fields_and_values.begin(), fields_and_values.end());
  journal::Say(db, words);
}

void ReplyEntry(const StreamEntry& entry, Reply& reply) {
  reply.Array(2);
  reply.Bulk(entry.id.Text());
  reply.Array(entry.part_count());
  entry.ForEachPart([&](std::string_view part) { reply.Bulk(part, entry.body.outside); });
}

// The id that a new entry gets.
Result<StreamId> ChooseId(const NewId& wanted, const StreamId& last) {
  if (wanted.has_ms && wanted.has_sequence) {
    if (wanted.id == StreamId{}) return Code::kStreamIdZero;
    return wanted.id > last ? Result(wanted.id) : Result<StreamId>(Code::kStreamIdTooSmall);
  }
  StreamId next = last;
  const uint64_t ms =
      wanted.has_ms ? wanted.id.ms : std::max(static_cast<uint64_t>(UnixTimeMs()), last.ms);
  if (ms > last.ms) return StreamId{ms, 0};
  if (ms < last.ms) return Code::kStreamIdTooSmall;
  if (wanted.has_ms && last.sequence == UINT64_MAX) return Code::kStreamIdTooSmall;
  if (!next.Increment()) return Code::kStreamExhausted;
  return next;
}

}  // namespace

void ReplyEntries(const StoredStream& stream, const StreamId& first, const StreamId& last,
                  bool is_reversed, int64_t count, Reply& reply) {
  uint8_t* header = reply.Header(RowHeader::kArray, 0);
  int64_t replied = 0;
  stream.ForRange(first, last, is_reversed, [&](const StreamEntry& entry) {
    ReplyEntry(entry, reply);
    return ++replied != count;
  });
  Reply::SetCount(header, replied);
}

Result<StreamId> ParseId(std::string_view text, uint64_t sequence) {
  const size_t dash = text.find('-');
  const auto ms = ParseUnsigned(text.substr(0, dash));
  if (!ms) return Code::kInvalidStreamId;
  if (dash == text.npos) return StreamId{*ms, sequence};
  const auto given = ParseUnsigned(text.substr(dash + 1));
  if (!given) return Code::kInvalidStreamId;
  return StreamId{*ms, *given};
}

Result<NewId> ParseNewId(std::string_view text) {
  NewId id;
  if (text == "*") return id;
  id.has_ms = true;
  id.has_sequence = !(text.size() > 2 && text.ends_with("-*"));
  const auto parsed = ParseId(id.has_sequence ? text : text.substr(0, text.size() - 2), 0);
  if (!parsed.ok()) return parsed.status();
  if (!id.has_sequence && text.find('-') != text.size() - 2) return Code::kInvalidStreamId;
  id.id = parsed.value();
  return id;
}

Result<StreamId> ParseBound(std::string_view text, bool is_end) {
  if (text == "-") return StreamId{};
  if (text == "+") return kStreamIdMax;
  const bool is_open = text.size() > 1 && text[0] == '(';
  auto id = ParseId(is_open ? text.substr(1) : text, is_end ? UINT64_MAX : 0);
  if (!id.ok() || !is_open) return id;
  if (is_end) return id.value().Decrement() ? id : Result<StreamId>(Code::kInvalidEndId);
  return id.value().Increment() ? id : Result<StreamId>(Code::kInvalidStartId);
}

Status Add(int db, std::string_view key, const NewId& id, const Trim& trim, bool makes_stream,
           Words fields_and_values, Reply& reply) {
  const std::string body = StreamEntry::BodyOf(fields_and_values);
  // The sequence is known under the lock only: room for it now, the bytes later.
  std::string sequence(sizeof(uint64_t), '\0');
  PackedItem<2> item;
  if (!item.Prepare({sequence, body})) return Code::kOutOfMemory;
  if (id.has_ms && id.has_sequence && id.id == StreamId{}) return Code::kStreamIdZero;
  LockedKey locked(db, key);
  KeyState& state = locked.state;
  if (!state.HoldsOrAbsent(ObjectKind::kStream)) return Code::kWrongType;
  if (!state.exists() && !makes_stream) {
    reply.Nil();
    return Status::Ok();
  }
  Ref<StoredStream> stream = TakeContainer<StoredStream>(state, locked.graveyard);
  const Result<StreamId> chosen = stream->last_id == kStreamIdMax
                                      ? Result<StreamId>(Code::kStreamExhausted)
                                      : ChooseId(id, stream->last_id);
  if (!chosen.ok()) {
    PutStream(state, std::move(stream), {events::kNone, 0}, locked.graveyard);
    return chosen.status();
  }
  sequence.replace(0, sequence.size(), StoredStream::SequenceBytes(chosen.value()));
  stream->Append(chosen.value(), item);
  const bool is_trimmed = Apply(*stream, trim, locked.graveyard) > 0;
  if (journal::IsOn()) [[unlikely]] {
    SayAdd(db, key, chosen.value(), fields_and_values);
    if (is_trimmed) SayTrim(db, key, *stream);
  }
  const Event also = is_trimmed ? events::kStreamTrim : events::kNone;
  PutStream(state, std::move(stream), {events::kStreamAdd, 1, also}, locked.graveyard);
  reply.Bulk(chosen.value().Text());
  return Status::Ok();
}

Result<int64_t> Remove(int db, std::string_view key, std::span<const StreamId> ids) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kStream)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  Ref<StoredStream> stream = TakeContainer<StoredStream>(locked.state, locked.graveyard);
  int64_t removed = 0;
  for (const StreamId& id : ids) {
    if (!stream->Remove(id, locked.graveyard)) continue;
    ++removed;
    stream->max_deleted_id = std::max(stream->max_deleted_id, id);
  }
  PutStream(locked.state, std::move(stream), {events::kStreamRemove, removed}, locked.graveyard);
  return removed;
}

Result<int64_t> TrimTo(int db, std::string_view key, const Trim& trim) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kStream)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  Ref<StoredStream> stream = TakeContainer<StoredStream>(locked.state, locked.graveyard);
  const int64_t removed = Apply(*stream, trim, locked.graveyard);
  if (removed > 0 && journal::IsOn()) SayTrim(db, key, *stream);
  PutStream(locked.state, std::move(stream), {events::kStreamTrim, removed}, locked.graveyard);
  return removed;
}

Status Range(int db, std::string_view key, const StreamId& first, const StreamId& last,
             bool is_reversed, int64_t count, Reply& reply) {
  const auto found = FindContainer<StoredStream>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) {
    reply.Array(0);
  } else if (count == 0) {
    reply.NilArray();
  } else {
    ReplyEntries(*found.value(), first, last, is_reversed, count, reply);
  }
  return Status::Ok();
}

Status Read(int db, Words keys, Words ids, int64_t count, Reply& reply) {
  struct Wanted {
    std::string_view key;
    Ref<StoredStream> stream;
    StreamId first;
  };
  std::vector<Wanted> wanted;
  {
    LockedKeys locked(keys);
    for (size_t i = 0; i < keys.size(); ++i) {
      auto stream = Peek<StoredStream>(locked.ForRead(db, i));
      if (!stream.ok()) return stream.status();
      StreamId behind;
      if (ids[i] == "$") {
        if (stream.value()) behind = stream.value()->last_id;
      } else {
        const auto id = ParseId(ids[i], 0);
        if (!id.ok()) return id.status();
        behind = id.value();
      }
      if (!stream.value() || !behind.Increment()) continue;
      const auto top = stream.value()->top_id();
      if (top && *top >= behind) wanted.push_back({keys[i], std::move(stream.value()), behind});
    }
  }
  if (wanted.empty()) {
    reply.NilArray();
    return Status::Ok();
  }
  reply.Header(RowHeader::kMapOrPairs, static_cast<int64_t>(wanted.size()));
  for (const auto& [key, stream, first] : wanted) {
    reply.Header(RowHeader::kMapEntry, 2);
    reply.Bulk(key);
    ReplyEntries(*stream, first, kStreamIdMax, false, count > 0 ? count : -1, reply);
  }
  return Status::Ok();
}

Status SetId(int db, std::string_view key, const StreamId& id, int64_t entries_added,
             const std::optional<StreamId>& max_deleted) {
  LockedKey locked(db, key);
  if (!locked.state.exists()) return Code::kNotFound;
  if (!locked.state.HoldsOrAbsent(ObjectKind::kStream)) return Code::kWrongType;
  Ref<StoredStream> stream = TakeContainer<StoredStream>(locked.state, locked.graveyard);
  const auto top = stream->top_id();
  Code complaint = Code::kOk;
  if (top && id < *top) {
    complaint = Code::kSetIdTooSmall;
  } else if (top && entries_added >= 0 && stream->length() > entries_added) {
    complaint = Code::kSetIdEntriesTooFew;
  } else if (id < stream->max_deleted_id) {
    complaint = Code::kSetIdBelowDeleted;
  } else {
    stream->last_id = id;
    if (entries_added >= 0) stream->entries_added = static_cast<uint64_t>(entries_added);
    if (max_deleted && *max_deleted != StreamId{}) stream->max_deleted_id = *max_deleted;
  }
  PutStream(locked.state, std::move(stream), {events::kStreamSetId, complaint == Code::kOk},
            locked.graveyard);
  return complaint;
}

Status Describe(int db, std::string_view key, bool is_full, int64_t count, Reply& reply) {
  const auto found = FindContainer<StoredStream>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) return Code::kNotFound;
  const StoredStream& stream = *found.value();
  const int64_t node = std::max<int64_t>(Limit(value_limits.stream_node_entries), 1);
  // What Redis' tree of nodes would hold.
  const int64_t nodes = (stream.length() + node - 1) / node;
  reply.Header(RowHeader::kMap, is_full ? 9 : 10);
  const auto number = [&](std::string_view name, int64_t value) {
    reply.Bulk(name);
    reply.Integer(value);
  };
  const auto id = [&](std::string_view name, const StreamId& value) {
    reply.Bulk(name);
    reply.Bulk(value.Text());
  };
  const auto edge = [&](std::string_view name, bool is_reversed) {
    reply.Bulk(name);
    bool is_there = false;
    stream.ForRange({}, kStreamIdMax, is_reversed, [&](const StreamEntry& entry) {
      ReplyEntry(entry, reply);
      is_there = true;
      return false;
    });
    if (!is_there) reply.Nil();
  };
  number("length", stream.length());
  number("radix-tree-keys", nodes);
  number("radix-tree-nodes", nodes + 1);
  id("last-generated-id", stream.last_id);
  id("max-deleted-entry-id", stream.max_deleted_id);
  number("entries-added", static_cast<int64_t>(stream.entries_added));
  id("recorded-first-entry-id", stream.first_id().value_or(StreamId{}));
  if (is_full) {
    reply.Bulk("entries");
    ReplyEntries(stream, {}, kStreamIdMax, false, count > 0 ? count : -1, reply);
    reply.Bulk("groups");
    reply.Array(0);
  } else {
    number("groups", stream.groups ? static_cast<int64_t>(stream.groups->size()) : 0);
    edge("first-entry", false);
    edge("last-entry", true);
  }
  return Status::Ok();
}

}  // namespace tutti::streams
