// The stored form of streams: entries by id, which only grows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keyspace/freeing.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/stream_groups.h"
#include "keyspace/stream_id.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

// What an entry's item holds: the sequence, the highest byte first, and its fields and values.
struct StreamEntry {
  StreamId id;
  PackedPart body;

  // Fields and values in turn.
  int64_t part_count() const;
  template <typename Visit>
  void ForEachPart(Visit visit) const {
    std::string_view left = body.bytes;
    while (!left.empty()) {
      uint32_t bytes;
      __builtin_memcpy(&bytes, left.data(), sizeof bytes);
      visit(left.substr(sizeof bytes, bytes));
      left.remove_prefix(sizeof bytes + bytes);
    }
  }
  static std::string BodyOf(std::span<const std::string_view> fields_and_values);
};

class StoredStream final : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kStream;

  static Ref<StoredStream> New() { return Ref<StoredStream>::Adopt(new StoredStream); }
  // Another stream with the same entries, in O(1).
  Ref<StoredStream> Share() const;

  int64_t length() const { return entries_.size(); }
  // visit(const StreamEntry&) from `first` to `last`, or the other way if `is_reversed`, until it
  // answers false.
  template <typename Visit>
  void ForRange(const StreamId& first, const StreamId& last, bool is_reversed, Visit visit) const;
  // How many are below.
  int64_t CountBefore(const StreamId& id) const { return entries_.IndexOf(Seek(id)); }
  std::optional<StreamId> first_id() const;
  std::optional<StreamId> top_id() const;  // of the last entry that is there
  bool is_slow_to_free() const override { return !entries_.is_single_node(); }
  size_t footprint(int64_t sample_count = 0) const override {
    return sizeof(*this) + entries_.Footprint(sample_count);
  }

  // Only for the sole holder. `id` is above all that are there; `item` holds SequenceBytes(id) and
  // a body.
  void Append(const StreamId& id, const PackedItem<2>& item);
  bool Remove(const StreamId& id, Graveyard& graveyard);
  void RemoveFirst(int64_t count, Graveyard& graveyard);

  static std::string SequenceBytes(const StreamId& id);

  StreamId last_id;
  StreamId max_deleted_id;
  uint64_t entries_added = 0;
  std::shared_ptr<const std::vector<StreamGroup>> groups;  // null: none

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  using Path = Tree<HashedPairLeaf>::Path;

  StoredStream() : Object(kKind) {}
  static StreamEntry EntryAt(const HashedPairLeaf& leaf, int at);
  // The place of the first entry that is not below.
  Path Seek(const StreamId& id) const;

  Tree<HashedPairLeaf> entries_;  // by milliseconds
};

template <typename Visit>
void StoredStream::ForRange(const StreamId& first, const StreamId& last, bool is_reversed,
                            Visit visit) const {
  if (first > last) return;
  Path path;
  bool more;
  if (is_reversed) {
    StreamId behind = last;
    path = behind.Increment() ? Seek(behind) : entries_.SeekIndex(length());
    more = entries_.Previous(path);
  } else {
    path = Seek(first);
    more = entries_.Settle(path);
  }
  for (; more; more = is_reversed ? entries_.Previous(path) : entries_.Next(path)) {
    const StreamEntry entry = EntryAt(*path.leaf, path.position);
    if (is_reversed ? entry.id < first : entry.id > last) return;
    if (!visit(entry)) return;
  }
}

}  // namespace tutti
