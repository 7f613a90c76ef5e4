#include "keyspace/keys.h"

#include "core/numbers.h"
#include "core/random.h"
#include "keyspace/hash.h"
#include "keyspace/journal.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"
#include "keyspace/waiters.h"

namespace tutti::keys {

namespace {

// Redis' own bound: longer ones have a block of their own there.
constexpr size_t kEmbeddedBytesMax = 44;
// Redis shares the integers below it, and says so.
constexpr int64_t kSharedIntegerMax = 10'000;
constexpr int64_t kSharedReferences = 2'147'483'647;

const char* EncodingOf(const String& string) {
  if (string.form() == StringForm::kRaw) return "raw";
  const std::string_view bytes = string.view();
  if (string.form() == StringForm::kByContent && bytes.size() <= 20 && ParseInteger(bytes)) {
    return "int";
  }
  return bytes.size() <= kEmbeddedBytesMax ? "embstr" : "raw";
}

const char* EncodingOf(const Object& value) {
  switch (value.kind()) {
    case ObjectKind::kString:
      return EncodingOf(static_cast<const String&>(value));
    case ObjectKind::kList:
      return static_cast<const StoredList&>(value).is_small() ? "listpack" : "quicklist";
    case ObjectKind::kHash:
      return static_cast<const StoredHash&>(value).is_small() ? "listpack" : "hashtable";
    case ObjectKind::kSet:
      switch (static_cast<const StoredSet&>(value).form()) {
        case StoredSet::Form::kIntegers:
          return "intset";
        case StoredSet::Form::kSmall:
          return "listpack";
        default:
          return "hashtable";
      }
    case ObjectKind::kSortedSet:
      return static_cast<const StoredSortedSet&>(value).is_small() ? "listpack" : "skiplist";
    case ObjectKind::kStream:
      return "stream";
    default:
      return "raw";  // as Redis says of a module's value
  }
}

int64_t ReferencesOf(const Object& value) {
  if (value.kind() != ObjectKind::kString) return 1;
  const auto& string = static_cast<const String&>(value);
  const auto number =
      string.form() == StringForm::kByContent ? ParseInteger(string.view()) : std::nullopt;
  return number && *number >= 0 && *number < kSharedIntegerMax ? kSharedReferences : 1;
}

}  // namespace

int64_t Copy(int from_db, std::string_view from, int to_db, std::string_view to, bool replace) {
  const std::string_view names[] = {from, to};
  LockedKeys locked(names);
  Ref<Object> value;
  int64_t expire_at_ms;
  {
    const KeyState source = locked.ForRead(from_db, 0);
    if (!source.exists()) return 0;
    value = source.value();
    expire_at_ms = source.entry().expire_at_ms;
  }
  KeyState target = locked.ForWrite(to_db, 1);
  if (target.exists() && !replace) return 0;
  if (target.exists()) Tell(to_db, to, events::kNew);  // Redis replaces by deleting
  Commit(target, std::move(value), expire_at_ms, {events::kCopyTo}, locked.graveyard);
  return 1;
}

void SwapDatabases(int a, int b) {
  if (a == b) return;
  StripesLock lock(StripeSet().set());
  if (journal::IsOn()) journal::Say(0, {"SWAPDB", std::to_string(a), std::to_string(b)});
  for (int i = 0; i < kStripeCount; ++i) SwapInStripe(StripeAt(i), a, b);
  Waiters::Get().MarkDatabase(a);
  Waiters::Get().MarkDatabase(b);
}

void Random(int db, Reply& reply) {
  Keyspace& keyspace = Keyspace::Get();
  // Keys that have expired are drawn again, so often at most.
  constexpr int kTriesMax = 100;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const int64_t size = keyspace.Size(db);
    if (size <= 0) break;
    auto index = static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(size)));
    for (int i = 0; i < kStripeCount; ++i) {
      const Database& database = StripeAt(i).databases[static_cast<size_t>(db)];
      const int64_t count = database.key_count.load(std::memory_order_relaxed);
      if (index >= count) {
        index -= count;
        continue;
      }
      StripeLock lock(i);
      if (index >= database.index.size()) break;
      const KeyIndex::Path path = database.index.SeekIndex(index);
      const Entry& entry = *path.leaf->EntryAt(path.position);
      if (entry.IsExpired()) {
        DeleteIfExpired(db, std::string(entry.key()));
        break;
      }
      reply.Bulk(entry.key());
      return;
    }
  }
  reply.Nil();
}

Status ReplyFact(int db, std::string_view key, Fact fact, Reply& reply) {
  const KeyAddress address = AddressOf(key);
  StripeLock lock(address.stripe);
  const KeyState state = LookUp(db, address, key);
  CountLookUp(state);
  if (!state.exists()) return Code::kNotFound;
  const uint32_t access = state.entry().access.load(std::memory_order_relaxed);
  switch (fact) {
    case Fact::kEncoding:
      reply.Bulk(EncodingOf(*state.value()));
      break;
    case Fact::kReferences:
      reply.Integer(ReferencesOf(*state.value()));
      break;
    case Fact::kIdleSeconds:
      reply.Integer(IdleSeconds(access));
      break;
    case Fact::kFrequency:
      reply.Integer(AccessFrequency(access));
      break;
  }
  return Status::Ok();
}

ValueFacts FactsOf(int db, std::string_view key) {
  const KeyAddress address = AddressOf(key);
  StripeLock lock(address.stripe);
  const KeyState state = LookUp(db, address, key);
  if (!state.exists()) return {};
  const uint32_t access = state.entry().access.load(std::memory_order_relaxed);
  const Object& value = *state.value();
  return {.value = state.value(),
          .encoding = EncodingOf(value),
          .references = ReferencesOf(value),
          .access = access,
          .idle_seconds = IdleSeconds(access),
          .expire_at_ms = state.entry().expire_at_ms};
}

}  // namespace tutti::keys
