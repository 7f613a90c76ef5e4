#include <cassert>
#include <string>

#include "core/numbers.h"
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

void WriteList(const StoredList& list, RdbWriter& writer) {
  if (!list.is_small()) {
    writer.Length(static_cast<uint64_t>(list.length()));
    list.ForEachFrom(0, false, [&](int64_t, const PackedPart& element) {
      writer.String(element.bytes);
      return true;
    });
    return;
  }
  ListpackWriter listpack;
  list.ForEachFrom(0, false, [&](int64_t, const PackedPart& element) {
    listpack.Append(element.bytes);
    return true;
  });
  writer.Length(1);  // node
  writer.Length(rdb::kPackedNode);
  writer.String(listpack.Finish());
}

void WriteSet(const StoredSet& set, RdbWriter& writer) {
  if (set.form() == StoredSet::Form::kIntegers) {
    IntsetWriter intset;
    set.ForEach(0, [&](const PackedPart& member) {
      intset.Append(*ParseInteger(member.bytes));
      return true;
    });
    writer.String(intset.Finish());
    return;
  }
  writer.Length(static_cast<uint64_t>(set.length()));
  set.ForEach(0, [&](const PackedPart& member) {
    writer.String(member.bytes);
    return true;
  });
}

void WriteHash(const StoredHash& hash, RdbWriter& writer) {
  if (!hash.is_small()) {
    writer.Length(static_cast<uint64_t>(hash.length()));
    hash.ForEachPart(0, [&](const PackedPart& field, const PackedPart& value) {
      writer.String(field.bytes);
      writer.String(value.bytes);
      return true;
    });
    return;
  }
  ListpackWriter listpack;
  hash.ForEachPart(0, [&](const PackedPart& field, const PackedPart& value) {
    listpack.Append(field.bytes);
    listpack.Append(value.bytes);
    return true;
  });
  writer.String(listpack.Finish());
}

void WriteSortedSet(const StoredSortedSet& set, RdbWriter& writer) {
  if (!set.is_small()) {
    writer.Length(static_cast<uint64_t>(set.length()));
    // From the highest score down, as Redis does: it inserts each in front.
    if (set.length() == 0) return;
    set.ForRange(0, set.length() - 1, true, [&](const ScoredMember& each) {
      writer.String(each.member.bytes);
      writer.Double(each.score);
      return true;
    });
    return;
  }
  ListpackWriter listpack;
  set.ForEach([&](const ScoredMember& each) {
    char score[kNumberBytesMax];
    listpack.Append(each.member.bytes);
    listpack.Append(std::string_view(score, FormatDouble(each.score, score)));
    return true;
  });
  writer.String(listpack.Finish());
}

}  // namespace

uint8_t RdbTypeOf(const Object& value) {
  switch (value.kind()) {
    case ObjectKind::kString:
      return rdb::kString;
    case ObjectKind::kList:
      return static_cast<const StoredList&>(value).is_small() ? rdb::kListQuicklist2 : rdb::kList;
    case ObjectKind::kSet:
      return static_cast<const StoredSet&>(value).form() == StoredSet::Form::kIntegers
                 ? rdb::kSetIntset
                 : rdb::kSet;
    case ObjectKind::kSortedSet:
      return static_cast<const StoredSortedSet&>(value).is_small() ? rdb::kSortedSetListpack
                                                                   : rdb::kSortedSet;
    case ObjectKind::kHash:
      return static_cast<const StoredHash&>(value).is_small() ? rdb::kHashListpack : rdb::kHash;
    case ObjectKind::kStream:
      return rdb::kStream2;
    default:
      return rdb::kModule;
  }
}

void WriteValue(const Object& value, RdbWriter& writer) {
  switch (value.kind()) {
    case ObjectKind::kString: {
      const std::string_view bytes = static_cast<const String&>(value).view();
      return writer.String(bytes);
    }
    case ObjectKind::kList:
      return WriteList(static_cast<const StoredList&>(value), writer);
    case ObjectKind::kSet:
      return WriteSet(static_cast<const StoredSet&>(value), writer);
    case ObjectKind::kSortedSet:
      return WriteSortedSet(static_cast<const StoredSortedSet&>(value), writer);
    case ObjectKind::kHash:
      return WriteHash(static_cast<const StoredHash&>(value), writer);
    case ObjectKind::kStream:
      return WriteStream(static_cast<const StoredStream&>(value), writer);
    default:
      return WriteModuleValue(value, writer);
  }
}

}  // namespace tutti
