#include "persistence/stream_values.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "persistence/packed_encodings.h"
#include "persistence/rdb.h"

namespace tutti {

namespace {

// As stream-node-max-entries and -bytes are by default.
constexpr size_t kNodeEntriesMax = 100;
constexpr size_t kNodeBytesMax = 4096;

// Flags of an entry within a node.
constexpr int64_t kDeleted = 1, kSameFields = 2;

// --- writing ---

using Parts = std::vector<std::string_view>;

Parts PartsOf(const StreamEntry& entry) {
  Parts parts;
  entry.ForEachPart([&](std::string_view part) { parts.push_back(part); });
  return parts;
}

// 64 bits as they wrap: differences may be negative, and larger than half of the range.
int64_t Difference(uint64_t a, uint64_t b) { return static_cast<int64_t>(a - b); }

// Entries with consecutive ids in one listpack, behind a head with the first's fields.
class NodeWriter {
 public:
  explicit NodeWriter(RdbWriter& writer) : writer_(writer) {}

  void Add(const StreamId& id, const Parts& parts) {
    if (count_ == 0) Begin(id, parts);
    const size_t field_count = parts.size() / 2;
    bool is_same = fields_.size() == field_count;
    for (size_t i = 0; is_same && i < field_count; ++i) is_same = fields_[i] == parts[2 * i];
    body_.push_back(Item(is_same ? kSameFields : 0));
    body_.push_back(Item(Difference(id.ms, first_.ms)));
    body_.push_back(Item(Difference(id.sequence, first_.sequence)));
    if (!is_same) body_.push_back(Item(static_cast<int64_t>(field_count)));
    for (size_t i = 0; i < parts.size(); ++i) {
      if (is_same && i % 2 == 0) continue;
      body_.push_back(Item(std::string(parts[i])));
    }
    const size_t items = is_same ? 3 + field_count : 4 + 2 * field_count;
    body_.push_back(Item(static_cast<int64_t>(items)));
    ++count_;
  }
  void End() {
    if (count_ == 0) return;
    const uint64_t key[] = {__builtin_bswap64(first_.ms), __builtin_bswap64(first_.sequence)};
    writer_.String({reinterpret_cast<const char*>(key), sizeof key});
    ListpackWriter listpack;
    listpack.Append(static_cast<int64_t>(count_));
    listpack.Append(int64_t{0});  // deleted
    listpack.Append(static_cast<int64_t>(fields_.size()));
    for (const std::string& field : fields_) listpack.Append(field);
    listpack.Append(int64_t{0});
    for (const Item& item : body_) {
      if (item.is_integer) {
        listpack.Append(item.integer);
      } else {
        listpack.Append(std::string_view(item.text));
      }
    }
    writer_.String(listpack.Finish());
    body_.clear();
    count_ = 0;
  }

 private:
  struct Item {
    explicit Item(int64_t value) : integer(value), is_integer(true) {}
    explicit Item(std::string value) : text(std::move(value)) {}
    std::string text;
    int64_t integer = 0;
    bool is_integer = false;
  };

  void Begin(const StreamId& id, const Parts& parts) {
    first_ = id;
    fields_.clear();
    for (size_t i = 0; i < parts.size(); i += 2) fields_.emplace_back(parts[i]);
  }

  RdbWriter& writer_;
  StreamId first_;
  std::vector<std::string> fields_;
  std::vector<Item> body_;
  size_t count_ = 0;
};

size_t BytesOf(const Parts& parts) {
  size_t bytes = 0;
  for (const std::string_view part : parts) bytes += part.size() + 8;
  return bytes;
}

// Calls visit(id, parts, begins_node) for each entry.
template <typename Visit>
void ForEachEntry(const StoredStream& stream, Visit visit) {
  size_t count = 0, bytes = 0;
  stream.ForRange({}, kStreamIdMax, false, [&](const StreamEntry& entry) {
    const Parts parts = PartsOf(entry);
    const size_t more = BytesOf(parts);
    const bool begins = count == 0 || count == kNodeEntriesMax || bytes + more > kNodeBytesMax;
    if (begins) count = bytes = 0;
    visit(entry.id, parts, begins);
    ++count;
    bytes += more;
    return true;
  });
}

void WriteId(const StreamId& id, RdbWriter& writer) {
  writer.Length(id.ms);
  writer.Length(id.sequence);
}

void WriteRawId(const StreamId& id, RdbWriter& writer) {
  writer.Int64(static_cast<int64_t>(__builtin_bswap64(id.ms)));
  writer.Int64(static_cast<int64_t>(__builtin_bswap64(id.sequence)));
}

void WriteGroup(const StreamGroup& group, RdbWriter& writer) {
  writer.String(group.name);
  WriteId(group.last_id, writer);
  writer.Length(group.entries_read);
  writer.Length(group.pending.size());
  for (const StreamGroup::Pending& pending : group.pending) {
    WriteRawId(pending.id, writer);
    writer.Int64(pending.delivered_at_ms);
    writer.Length(pending.delivery_count);
  }
  writer.Length(group.consumers.size());
  for (const StreamGroup::Consumer& consumer : group.consumers) {
    writer.String(consumer.name);
    writer.Int64(consumer.seen_at_ms);
    writer.Length(consumer.pending.size());
    for (const StreamId& id : consumer.pending) WriteRawId(id, writer);
  }
}

// --- reading ---

StreamId ReadId(RdbReader& reader) {
  StreamId id;
  id.ms = reader.Length();
  id.sequence = reader.Length();
  return id;
}

StreamId ReadRawId(RdbReader& reader) {
  uint64_t words[2];
  reader.Raw(words, sizeof words);
  return {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
}

// The elements of one node, of which each is held to be what it must be.
class NodeReader {
 public:
  NodeReader(std::string_view listpack, RdbReader& reader) : listpack_(listpack), reader_(reader) {}

  // Appends the node's entries, all beyond the last, to the stream.
  void ReadInto(StoredStream& stream, const StreamId& first) {
    const int64_t live = Integer(), deleted = Integer();
    if (!reader_.ok()) return;
    if (live < 0 || deleted < 0) return Wrong();
    const int64_t field_count = Integer();
    if (!reader_.ok()) return;
    if (field_count < 0) return Wrong();
    for (int64_t i = 0; i < field_count && reader_.ok(); ++i) fields_.push_back(TextOfNext());
    if (Integer() != 0) return Wrong();
    int64_t seen_live = 0, seen_deleted = 0;
    while (reader_.ok() && (seen_live < live || seen_deleted < deleted)) {
      const bool is_live = ReadEntry(stream, first);
      ++(is_live ? seen_live : seen_deleted);
      if (seen_live > live || seen_deleted > deleted) return Wrong();
    }
    PackedElement behind;
    if (reader_.ok() && (listpack_.Next(&behind) || listpack_.is_damaged())) Wrong();
  }

 private:
  void Wrong() { reader_.Fail("a node of a stream that is damaged"); }
  PackedElement Next() {
    PackedElement element;
    if (reader_.ok() && !listpack_.Next(&element)) {
      element = {};
      Wrong();
    }
    return element;
  }
  int64_t Integer() {
    const auto integer = Next().Integer();
    if (!integer) Wrong();
    return integer.value_or(0);
  }
  std::string TextOfNext() {
    char scratch[kNumberBytesMax];
    return std::string(Next().Text(scratch));
  }

  // True if it is not marked as deleted.
  bool ReadEntry(StoredStream& stream, const StreamId& first) {
    const int64_t flags = Integer();
    const StreamId id{first.ms + static_cast<uint64_t>(Integer()),
                      first.sequence + static_cast<uint64_t>(Integer())};
    const bool is_same = flags & kSameFields;
    const int64_t field_count = is_same ? static_cast<int64_t>(fields_.size()) : Integer();
    if (field_count < 0) Wrong();
    parts_.clear();
    for (int64_t i = 0; i < field_count && reader_.ok(); ++i) {
      parts_.push_back(is_same ? fields_[static_cast<size_t>(i)] : TextOfNext());
      parts_.push_back(TextOfNext());
    }
    const int64_t items = is_same ? 3 + field_count : 4 + 2 * field_count;
    if (Integer() != items) Wrong();
    if (!reader_.ok() || flags & kDeleted) return false;
    Append(stream, id);
    return true;
  }

  void Append(StoredStream& stream, const StreamId& id) {
    if (stream.length() > 0 && id <= stream.last_id) return Wrong();
    const std::vector<std::string_view> views(parts_.begin(), parts_.end());
    const std::string body = StreamEntry::BodyOf(views);
    const std::string sequence = StoredStream::SequenceBytes(id);
    PackedItem<2> item;
    if (!item.Prepare({sequence, body})) return reader_.FailWith(Code::kOutOfMemory);
    stream.Append(id, item);
  }

  ListpackReader listpack_;
  RdbReader& reader_;
  std::vector<std::string> fields_;
  std::vector<std::string> parts_;
};

// `is_owned` says of each pending entry of the group whether a consumer has it.
void ReadPendingOf(const StreamGroup& group, StreamGroup::Consumer& consumer,
                   std::vector<bool>& is_owned, RdbReader& reader) {
  for (uint64_t left = reader.Count(16); left > 0 && reader.ok(); --left) {
    const StreamId id = ReadRawId(reader);
    const auto found = std::lower_bound(
        group.pending.begin(), group.pending.end(), id,
        [](const StreamGroup::Pending& each, const StreamId& sought) { return each.id < sought; });
    if (found == group.pending.end() || found->id != id) {
      return reader.Fail("a consumer has an entry that is not pending in its group");
    }
    const auto index = static_cast<size_t>(found - group.pending.begin());
    if (is_owned[index]) return reader.Fail("a pending entry that consumers have twice");
    is_owned[index] = true;
    consumer.pending.push_back(id);
  }
}

template <typename Named>
bool HasName(const std::vector<Named>& all, std::string_view name) {
  return std::any_of(all.begin(), all.end(), [&](const Named& each) { return each.name == name; });
}

StreamGroup ReadGroup(uint8_t type, RdbReader& reader) {
  StreamGroup group;
  group.name = reader.Text();
  group.last_id = ReadId(reader);
  // Version 1 did not count them: unknown.
  group.entries_read = type == rdb::kStream1 ? kEntriesReadUnknown : reader.Length();
  for (uint64_t left = reader.Count(16 + 8 + 1); left > 0 && reader.ok(); --left) {
    StreamGroup::Pending pending;
    pending.id = ReadRawId(reader);
    pending.delivered_at_ms = reader.Int64();
    pending.delivery_count = reader.Length();
    if (!group.pending.empty() && pending.id <= group.pending.back().id) {
      reader.Fail("pending entries of a group that do not ascend");
    }
    group.pending.push_back(pending);
  }
  std::vector<bool> is_owned(group.pending.size());
  for (uint64_t left = reader.Count(8 + 2); left > 0 && reader.ok(); --left) {
    StreamGroup::Consumer consumer;
    consumer.name = reader.Text();
    if (HasName(group.consumers, consumer.name)) reader.Fail("two consumers of one name");
    consumer.seen_at_ms = reader.Int64();
    if (type == rdb::kStream3) reader.Int64();  // when it was active: version 10 cannot say
    ReadPendingOf(group, consumer, is_owned, reader);
    group.consumers.push_back(std::move(consumer));
  }
  if (reader.ok() && std::find(is_owned.begin(), is_owned.end(), false) != is_owned.end()) {
    reader.Fail("a pending entry of a group that no consumer has");
  }
  return group;
}

}  // namespace

void WriteStream(const StoredStream& stream, RdbWriter& writer) {
  uint64_t node_count = 0;
  ForEachEntry(stream, [&](const StreamId&, const Parts&, bool begins) { node_count += begins; });
  writer.Length(node_count);
  NodeWriter node(writer);
  ForEachEntry(stream, [&](const StreamId& id, const Parts& parts, bool begins) {
    if (begins) node.End();
    node.Add(id, parts);
  });
  node.End();
  writer.Length(static_cast<uint64_t>(stream.length()));
  WriteId(stream.last_id, writer);
  WriteId(stream.first_id().value_or(StreamId()), writer);
  WriteId(stream.max_deleted_id, writer);
  writer.Length(stream.entries_added);
  writer.Length(stream.groups ? stream.groups->size() : 0);
  if (!stream.groups) return;
  for (const StreamGroup& group : *stream.groups) WriteGroup(group, writer);
}

Ref<Object> ReadStream(uint8_t type, RdbReader& reader) {
  Ref<StoredStream> stream = StoredStream::New();
  for (uint64_t left = reader.Count(); left > 0 && reader.ok(); --left) {
    const std::string key(reader.Text());
    if (reader.ok() && key.size() != 16) reader.Fail("a node of a stream without an id");
    if (!reader.ok()) break;
    uint64_t words[2];
    std::copy_n(key.data(), sizeof words, reinterpret_cast<char*>(words));
    const std::string_view listpack = reader.Text();
    if (!reader.ok()) break;
    NodeReader(listpack, reader)
        .ReadInto(*stream, {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])});
  }
  const uint64_t length = reader.Length();
  if (reader.ok() && length != static_cast<uint64_t>(stream->length())) {
    reader.Fail("a stream of another length than it says");
  }
  const StreamId last_id = ReadId(reader);
  if (reader.ok() && stream->length() > 0 && last_id < stream->last_id) {
    reader.Fail("a stream with entries beyond its last id");
  }
  stream->last_id = last_id;
  if (type == rdb::kStream1) {
    stream->entries_added = length;
  } else {
    ReadId(reader);  // of the first entry: follows from the entries
    stream->max_deleted_id = ReadId(reader);
    stream->entries_added = reader.Length();
  }
  std::vector<StreamGroup> groups;
  for (uint64_t left = reader.Count(4); left > 0 && reader.ok(); --left) {
    StreamGroup group = ReadGroup(type, reader);
    if (HasName(groups, group.name)) reader.Fail("two groups of one name");
    groups.push_back(std::move(group));
  }
  if (!reader.ok()) return nullptr;
  if (!groups.empty()) {
    stream->groups = std::make_shared<const std::vector<StreamGroup>>(std::move(groups));
  }
  return stream;
}

}  // namespace tutti
