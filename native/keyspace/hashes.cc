#include "keyspace/hashes.h"

#include <cmath>

#include "core/numbers.h"
#include "core/random.h"
#include "keyspace/journal.h"

namespace tutti::hashes {

namespace {

// Sets one field of a hash that may not be there yet.
Status SetOne(LockedKey& locked, std::string_view field, std::string_view value,
              const Event& event) {
  PackedItem<2> pair;
  if (!pair.Prepare({field, value})) return Code::kOutOfMemory;
  Ref<StoredHash> hash = TakeContainer<StoredHash>(locked.state, locked.graveyard);
  hash->Set(pair, locked.graveyard);
  PutContainer(locked.state, std::move(hash), event, 1, locked.graveyard);
  return Status::Ok();
}

// The value of a field, empty if there is none.
Result<std::optional<std::string>> ValueOf(const KeyState& state, std::string_view field) {
  const auto hash = Peek<StoredHash>(state);
  if (!hash.ok()) return hash.status();
  if (!hash.value()) return std::optional<std::string>();
  const auto value = hash.value()->Value(field);
  return value ? std::optional(std::string(value->bytes)) : std::optional<std::string>();
}

void ReplyPair(const StoredHash::Pair& pair, bool with_value, Reply& reply) {
  if (with_value) reply.Header(RowHeader::kPair, 2);
  reply.Bulk(pair.field);
  if (with_value) reply.Bulk(pair.value);
}

}  // namespace

Result<int64_t> Set(int db, std::string_view key, Words fields_and_values, bool only_if_absent) {
  std::vector<PackedItem<2>> pairs(fields_and_values.size() / 2);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i].Prepare({fields_and_values[2 * i], fields_and_values[2 * i + 1]})) {
      return Code::kOutOfMemory;
    }
  }
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kHash)) return Code::kWrongType;
  if (pairs.empty()) return int64_t{0};
  Ref<StoredHash> hash = TakeContainer<StoredHash>(locked.state, locked.graveyard);
  int64_t added = 0;
  int64_t set = 0;
  for (const PackedItem<2>& pair : pairs) {
    if (only_if_absent && hash->Contains(pair.part(0))) continue;
    added += hash->Set(pair, locked.graveyard);
    ++set;
  }
  PutContainer(locked.state, std::move(hash), events::kHashSet, set, locked.graveyard);
  return added;
}

Result<int64_t> Remove(int db, std::string_view key, Words fields) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kHash)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  Ref<StoredHash> hash = TakeContainer<StoredHash>(locked.state, locked.graveyard);
  int64_t removed = 0;
  for (const std::string_view field : fields) removed += hash->Remove(field, locked.graveyard);
  PutContainer(locked.state, std::move(hash), events::kHashRemove, removed, locked.graveyard);
  return removed;
}

Result<int64_t> Increment(int db, std::string_view key, std::string_view field, int64_t by,
                          int64_t* value) {
  LockedKey locked(db, key);
  const auto before = ValueOf(locked.state, field);
  if (!before.ok()) return before.status();
  int64_t number = 0;
  if (before.value()) {
    const auto parsed = ParseInteger(*before.value());
    if (!parsed) return Code::kHashNotInteger;
    number = *parsed;
  }
  if (__builtin_add_overflow(number, by, value)) return Code::kWouldOverflow;
  char text[kNumberBytesMax];
  const Status status =
      SetOne(locked, field, {text, FormatInteger(*value, text)}, events::kHashIncrement);
  if (!status.ok()) return status;
  return int64_t{0};
}

Status IncrementFloat(int db, std::string_view key, std::string_view field, long double by,
                      Reply& reply) {
  LockedKey locked(db, key);
  const auto before = ValueOf(locked.state, field);
  if (!before.ok()) return before.status();
  long double number = 0;
  if (before.value()) {
    const auto parsed = ParseLongDouble(*before.value());
    if (!parsed) return Code::kHashNotFloat;
    number = *parsed;
  }
  number += by;
  if (std::isnan(number) || std::isinf(number)) return Code::kIncrementNotFinite;
  const std::string text = FormatLongDouble(number);
  if (journal::IsOn()) journal::Say(db, {"HSET", key, field, text});
  const Status status = SetOne(locked, field, text, events::kHashIncrementFloat);
  if (status.ok()) reply.Bulk(text);
  return status;
}

Status Values(int db, std::string_view key, Words fields, Reply& reply) {
  const auto found = FindContainer<StoredHash>(db, key);
  if (!found.ok()) return found.status();
  reply.Array(static_cast<int64_t>(fields.size()));
  for (const std::string_view field : fields) {
    const auto value = found.value() ? found.value()->Value(field) : std::nullopt;
    if (value) {
      reply.Bulk(*value);
    } else {
      reply.Nil();
    }
  }
  return Status::Ok();
}

Status Random(int db, std::string_view key, bool has_count, int64_t count, bool with_values,
              Reply& reply) {
  const auto found = FindContainer<StoredHash>(db, key);
  if (!found.ok()) return found.status();
  const StoredHash* hash = found.value().get();
  const auto any = [&] {
    return hash->At(static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(hash->length()))));
  };
  const RowHeader header = with_values ? RowHeader::kPairs : RowHeader::kArray;
  if (!has_count) {
    if (hash) {
      reply.Bulk(any().field);
    } else {
      reply.Nil();
    }
  } else if (!hash || count == 0) {
    reply.Array(0);
  } else if (count < 0) {
    reply.Header(header, -count);
    for (int64_t i = 0; i < -count; ++i) ReplyPair(any(), with_values, reply);
  } else if (count >= hash->length()) {
    reply.Header(header, hash->length());
    hash->ForEachPart(0, [&](const PackedPart& field, const PackedPart& value) {
      ReplyPair({field, value}, with_values, reply);
      return true;
    });
  } else {
    reply.Header(header, count);
    for (const int64_t index : RandomSample(count, hash->length())) {
      ReplyPair(hash->At(index), with_values, reply);
    }
  }
  return Status::Ok();
}

}  // namespace tutti::hashes
