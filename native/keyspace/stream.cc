#include "keyspace/stream.h"

#include <cassert>
#include <cstring>

namespace tutti {

namespace {

uint64_t SequenceOf(std::string_view bytes) {
  uint64_t sequence;
  std::memcpy(&sequence, bytes.data(), sizeof sequence);
  return __builtin_bswap64(sequence);
}

}  // namespace

std::string StreamId::Text() const { return std::to_string(ms) + '-' + std::to_string(sequence); }

bool StreamId::Increment() {
  if (*this == kStreamIdMax) return false;
  if (++sequence == 0) ++ms;
  return true;
}

bool StreamId::Decrement() {
  if (ms == 0 && sequence == 0) return false;
  if (sequence-- == 0) --ms;
  return true;
}

int64_t StreamEntry::part_count() const {
  int64_t count = 0;
  ForEachPart([&](std::string_view) { ++count; });
  return count;
}

std::string StreamEntry::BodyOf(std::span<const std::string_view> fields_and_values) {
  std::string body;
  for (const std::string_view part : fields_and_values) {
    const auto bytes = static_cast<uint32_t>(part.size());
    body.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    body.append(part);
  }
  return body;
}

std::string StoredStream::SequenceBytes(const StreamId& id) {
  const uint64_t swapped = __builtin_bswap64(id.sequence);
  return {reinterpret_cast<const char*>(&swapped), sizeof swapped};
}

Ref<StoredStream> StoredStream::Share() const {
  Ref<StoredStream> stream = New();
  stream->entries_ = entries_.Share();
  stream->last_id = last_id;
  stream->max_deleted_id = max_deleted_id;
  stream->entries_added = entries_added;
  stream->groups = groups;
  return stream;
}

StreamEntry StoredStream::EntryAt(const HashedPairLeaf& leaf, int at) {
  return {{leaf.OrderOf(at), SequenceOf(leaf.PartAt(at, 0))}, leaf.BorrowPart(at, 1)};
}

StoredStream::Path StoredStream::Seek(const StreamId& id) const {
  return entries_.SeekWithin(id.ms, [&](const HashedPairLeaf& leaf, int at) {
    return SequenceOf(leaf.PartAt(at, 0)) < id.sequence;
  });
}

std::optional<StreamId> StoredStream::first_id() const {
  if (length() == 0) return std::nullopt;
  const auto path = entries_.SeekIndex(0);
  return EntryAt(*path.leaf, path.position).id;
}

std::optional<StreamId> StoredStream::top_id() const {
  if (length() == 0) return std::nullopt;
  const auto path = entries_.SeekIndex(length() - 1);
  return EntryAt(*path.leaf, path.position).id;
}

void StoredStream::Append(const StreamId& id, const PackedItem<2>& item) {
  auto path = entries_.SeekIndex(length());
  entries_.Insert(path, {id.ms, item.Parts()});
  last_id = id;
  ++entries_added;
}

bool StoredStream::Remove(const StreamId& id, Graveyard& graveyard) {
  auto path = Seek(id);
  if (!entries_.Settle(path) || EntryAt(*path.leaf, path.position).id != id) return false;
  graveyard.Add(path.leaf->OutsideAt(path.position, 1));
  entries_.Erase(path);
  return true;
}

void StoredStream::RemoveFirst(int64_t count, Graveyard& graveyard) {
  for (int64_t i = 0; i < count; ++i) {
    auto path = entries_.SeekIndex(0);
    graveyard.Add(path.leaf->OutsideAt(path.position, 1));
    entries_.Erase(path);
  }
}

}  // namespace tutti
