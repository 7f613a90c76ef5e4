#include <cmath>
#include <string>

#include "keyspace/freeing.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "persistence/module_values.h"
#include "persistence/packed_encodings.h"
#include "persistence/stream_values.h"
#include "persistence/values.h"

namespace tutti {

namespace {

// Puts values together. False: something is wrong, and the reader has been told.
class Builder {
 public:
  explicit Builder(RdbReader& reader) : reader_(reader) {}

  bool Push(StoredList& list, std::string_view element) {
    PackedItem<1> item;
    if (!item.Prepare({element})) return NoMemory();
    list.Push(item, true);
    return true;
  }
  bool Add(StoredSet& set, std::string_view member) {
    PackedItem<1> item;
    if (!item.Prepare({member})) return NoMemory();
    return set.Add(item.Borrowed(0)) || Wrong("a set has a member twice");
  }
  bool Put(StoredHash& hash, std::string_view field, std::string_view value) {
    PackedItem<2> item;
    if (!item.Prepare({field, value})) return NoMemory();
    return hash.Set(item, graveyard_) || Wrong("a hash has a field twice");
  }
  bool Insert(StoredSortedSet& set, std::string_view member, double score) {
    if (std::isnan(score)) return Wrong("a score that is no number");
    if (set.Score(member)) return Wrong("a sorted set has a member twice");
    PackedItem<1> item;
    if (!item.Prepare({member})) return NoMemory();
    set.Insert(item.Borrowed(0), score);
    return true;
  }
  bool Wrong(std::string_view what) {
    reader_.Fail(what);
    return false;
  }
  bool NoMemory() {
    reader_.FailWith(Code::kOutOfMemory);
    return false;
  }

 private:
  RdbReader& reader_;
  Graveyard graveyard_;
};

constexpr std::string_view kDamagedPack = "a packed value that is damaged";

// Calls take(const PackedElement&) for each, until it answers false.
template <typename Packed, typename Take>
void ForEach(std::string_view bytes, RdbReader& reader, Take take) {
  Packed packed(bytes);
  PackedElement element;
  while (packed.Next(&element)) {
    if (!take(element)) return;
  }
  if (packed.is_damaged()) reader.Fail(kDamagedPack);
}

// take(std::string_view first, const PackedElement& second)
template <typename Packed, typename Take>
void ForEachPair(std::string_view bytes, RdbReader& reader, Take take) {
  Packed packed(bytes);
  PackedElement first, second;
  while (packed.Next(&first)) {
    char scratch[kNumberBytesMax];
    if (!packed.Next(&second)) {
      reader.Fail(kDamagedPack);
      return;
    }
    if (!take(first.Text(scratch), second)) return;
  }
  if (packed.is_damaged()) reader.Fail(kDamagedPack);
}

// --- lists ---

template <typename Packed>
void PushAll(std::string_view bytes, StoredList& list, RdbReader& reader) {
  Builder builder(reader);
  ForEach<Packed>(bytes, reader, [&](const PackedElement& element) {
    char scratch[kNumberBytesMax];
    return builder.Push(list, element.Text(scratch));
  });
}

Ref<StoredList> ReadList(uint8_t type, RdbReader& reader) {
  Ref<StoredList> list = StoredList::New();
  if (type == rdb::kListZiplist) {
    PushAll<ZiplistReader>(reader.Text(), *list, reader);
    return list;
  }
  Builder builder(reader);
  for (uint64_t left = reader.Count(); left > 0 && reader.ok(); --left) {
    const uint64_t node = type == rdb::kListQuicklist2 ? reader.Length() : rdb::kPlainNode;
    const std::string_view text = reader.Text();
    if (!reader.ok()) break;
    if (type == rdb::kListQuicklist) {
      PushAll<ZiplistReader>(text, *list, reader);
    } else if (node == rdb::kPackedNode) {
      PushAll<ListpackReader>(text, *list, reader);
    } else if (node == rdb::kPlainNode) {
      builder.Push(*list, text);
    } else {
      reader.Fail("a node of a list of an unknown kind");
    }
  }
  return list;
}

// --- sets ---

template <typename Packed>
void AddAll(std::string_view bytes, StoredSet& set, RdbReader& reader) {
  Builder builder(reader);
  ForEach<Packed>(bytes, reader, [&](const PackedElement& element) {
    char scratch[kNumberBytesMax];
    return builder.Add(set, element.Text(scratch));
  });
}

Ref<StoredSet> ReadSet(uint8_t type, RdbReader& reader) {
  Ref<StoredSet> set = StoredSet::New();
  if (type == rdb::kSetIntset) {
    AddAll<IntsetReader>(reader.Text(), *set, reader);
  } else if (type == rdb::kSetListpack) {
    AddAll<ListpackReader>(reader.Text(), *set, reader);
  } else {
    Builder builder(reader);
    for (uint64_t left = reader.Count(); left > 0 && reader.ok(); --left) {
      const std::string_view member = reader.Text();
      if (reader.ok()) builder.Add(*set, member);
    }
  }
  return set;
}

// --- hashes ---

template <typename Packed>
void PutAll(std::string_view bytes, StoredHash& hash, RdbReader& reader) {
  Builder builder(reader);
  ForEachPair<Packed>(bytes, reader, [&](std::string_view field, const PackedElement& value) {
    char scratch[kNumberBytesMax];
    return builder.Put(hash, field, value.Text(scratch));
  });
}

Ref<StoredHash> ReadHash(uint8_t type, RdbReader& reader) {
  Ref<StoredHash> hash = StoredHash::New();
  if (type == rdb::kHashZipmap) {
    PutAll<ZipmapReader>(reader.Text(), *hash, reader);
  } else if (type == rdb::kHashZiplist) {
    PutAll<ZiplistReader>(reader.Text(), *hash, reader);
  } else if (type == rdb::kHashListpack) {
    PutAll<ListpackReader>(reader.Text(), *hash, reader);
  } else {
    Builder builder(reader);
    std::string field;
    for (uint64_t left = reader.Count(2); left > 0 && reader.ok(); --left) {
      field = reader.Text();
      const std::string_view value = reader.Text();
      if (reader.ok()) builder.Put(*hash, field, value);
    }
  }
  return hash;
}

// --- sorted sets ---

template <typename Packed>
void InsertAll(std::string_view bytes, StoredSortedSet& set, RdbReader& reader) {
  Builder builder(reader);
  ForEachPair<Packed>(bytes, reader, [&](std::string_view member, const PackedElement& score) {
    const auto value = score.is_integer ? std::optional(static_cast<double>(score.integer))
                                        : ParseDouble(score.bytes);
    if (!value) return builder.Wrong("a score that is no number");
    return builder.Insert(set, member, *value);
  });
}

Ref<StoredSortedSet> ReadSortedSet(uint8_t type, RdbReader& reader) {
  Ref<StoredSortedSet> set = StoredSortedSet::New();
  if (type == rdb::kSortedSetZiplist) {
    InsertAll<ZiplistReader>(reader.Text(), *set, reader);
  } else if (type == rdb::kSortedSetListpack) {
    InsertAll<ListpackReader>(reader.Text(), *set, reader);
  } else {
    Builder builder(reader);
    for (uint64_t left = reader.Count(2); left > 0 && reader.ok(); --left) {
      const std::string_view member = reader.Text();
      const double score = type == rdb::kSortedSet ? reader.Double() : reader.TextDouble();
      if (reader.ok()) builder.Insert(*set, member, score);
    }
  }
  return set;
}

// A container, unless it has no elements.
template <typename Stored>
Ref<Object> Filled(Ref<Stored> container, RdbReader& reader) {
  if (reader.ok() && container->length() == 0) reader.FailWith(Code::kEmptyValue);
  if (!reader.ok()) return nullptr;
  return container;
}

}  // namespace

Ref<Object> ReadValue(uint8_t type, RdbReader& reader) {
  switch (type) {
    case rdb::kString:
      return reader.StringValue();
    case rdb::kList:
    case rdb::kListZiplist:
    case rdb::kListQuicklist:
    case rdb::kListQuicklist2:
      return Filled(ReadList(type, reader), reader);
    case rdb::kSet:
    case rdb::kSetIntset:
    case rdb::kSetListpack:
      return Filled(ReadSet(type, reader), reader);
    case rdb::kSortedSetText:
    case rdb::kSortedSet:
    case rdb::kSortedSetZiplist:
    case rdb::kSortedSetListpack:
      return Filled(ReadSortedSet(type, reader), reader);
    case rdb::kHash:
    case rdb::kHashZipmap:
    case rdb::kHashZiplist:
    case rdb::kHashListpack:
      return Filled(ReadHash(type, reader), reader);
    case rdb::kStream1:
    case rdb::kStream2:
    case rdb::kStream3:
      return ReadStream(type, reader);
    case rdb::kModule:
      return ReadModuleValue(reader);
    default:
      reader.Fail("a value of the unknown type " + std::to_string(type));
      return nullptr;
  }
}

}  // namespace tutti
