// KEYS and the SCAN family: a walk through all keys, or through one value, in pieces.
//
// Keys go by stripe, then by their order in it; a cursor is the stripe and the first bits of the
// order of the next key, in 53 bits (hash_order.h). It needs no state, and keys that stay are met
// whatever comes and goes.
#include "core/glob.h"
#include "core/numbers.h"
#include "keyspace/hash.h"
#include "keyspace/hash_order.h"
#include "keyspace/keys.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"

namespace tutti::keys {

namespace {

constexpr int kStripeBits = 10;
static_assert(1 << kStripeBits == kStripeCount);
constexpr int kOrderBits = kCursorBits - kStripeBits;
constexpr int kOrderShift = 64 - kOrderBits;

// Takes the keys of one stripe from `from` on, until `left` are visited; all of one place or none.
// The first bits of the next key's order, or -1 behind the last.
template <typename Take>
int64_t ScanStripe(const KeyIndex& index, uint64_t from, int64_t& left, Take take) {
  KeyIndex::Path path = index.SeekOrder(from << kOrderShift);
  uint64_t last = from;
  for (bool more = index.Settle(path); more; more = index.Next(path)) {
    const uint64_t here = path.leaf->OrderOf(path.position) >> kOrderShift;
    if (left <= 0 && here != last) return static_cast<int64_t>(here);
    take(*path.leaf->EntryAt(path.position));
    --left;
    last = here;
  }
  return -1;
}

bool Matches(const ScanFilter& filter, std::string_view text) {
  return !filter.pattern || MatchesGlob(*filter.pattern, text);
}

void ReplyCursor(uint64_t cursor, Reply& reply) {
  char text[kNumberBytesMax];
  reply.Bulk({text, FormatInteger(static_cast<int64_t>(cursor), text)});
}

// A cursor beyond any is the end.
bool IsInRange(uint64_t cursor) { return cursor < uint64_t{1} << kCursorBits; }

// The cursor comes before what is found, and is known after it.
class Found {
 public:
  void Add(const PackedPart& part, std::optional<double> score = std::nullopt) {
    items_.push_back({part, score});
    rows_ += score ? 2 : 1;
  }
  void ReplyWith(uint64_t cursor, Reply& reply) const {
    reply.Array(2);
    ReplyCursor(cursor, reply);
    reply.Array(rows_);
    for (const Item& item : items_) {
      reply.Bulk(item.part);
      if (!item.score) continue;
      // A text in RESP3 too.
      char text[kNumberBytesMax];
      reply.Bulk({text, FormatDouble(*item.score, text)});
    }
  }

 private:
  struct Item {
    PackedPart part;
    std::optional<double> score;
  };
  std::vector<Item> items_;
  int64_t rows_ = 0;
};

template <typename Stored, typename Add>
Status ScanContainer(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
                     Reply& reply, Add add) {
  const auto container = FindContainer<Stored>(db, key);
  if (!container.ok()) return container.status();
  Found found;
  uint64_t next = 0;
  if (container.value()) {
    next =
        container.value()->Scan(cursor, filter.count, [&](const auto& each) { add(each, found); });
  }
  found.ReplyWith(next, reply);
  return Status::Ok();
}

}  // namespace

void All(int db, std::string_view pattern, Reply& reply) {
  uint8_t* header = reply.Header(RowHeader::kArray, 0);
  int64_t count = 0;
  const bool takes_all = pattern == "*";
  Keyspace::Get().ForEach(db, ObjectKind::kNone, [&](std::string_view key, const Ref<Object>&) {
    if (!takes_all && !MatchesGlob(pattern, key)) return;
    reply.Bulk(key);
    ++count;
  });
  Reply::SetCount(header, count);
}

void Scan(int db, uint64_t cursor, const ScanFilter& filter, Reply& reply) {
  std::vector<std::string> found;
  int64_t left = filter.count;
  uint64_t next = 0;
  uint64_t from = cursor & ((uint64_t{1} << kOrderBits) - 1);
  const int first = IsInRange(cursor) ? static_cast<int>(cursor >> kOrderBits) : kStripeCount;
  for (int stripe = first; stripe < kStripeCount && next == 0; ++stripe, from = 0) {
    const Database& database = StripeAt(stripe).databases[static_cast<size_t>(db)];
    if (database.key_count.load(std::memory_order_relaxed) == 0) continue;
    const uint64_t here = static_cast<uint64_t>(stripe) << kOrderBits;
    if (left <= 0) {
      next = here | from;
      break;
    }
    std::vector<std::string> expired;
    StripeLock lock(stripe);
    const int64_t order = ScanStripe(database.index, from, left, [&](const Entry& entry) {
      if (entry.IsExpired()) {
        if (Matches(filter, entry.key())) expired.emplace_back(entry.key());
        return;
      }
      if (filter.takes_nothing) return;
      if (filter.kind != ObjectKind::kNone && entry.value->kind() != filter.kind) return;
      if (Matches(filter, entry.key())) found.emplace_back(entry.key());
    });
    if (order >= 0) next = here | static_cast<uint64_t>(order);
    for (const std::string& key : expired) DeleteIfExpired(db, key);
  }
  reply.Array(2);
  ReplyCursor(next, reply);
  reply.Array(static_cast<int64_t>(found.size()));
  for (const std::string& key : found) reply.Bulk(key);
}

Status ScanHash(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
                Reply& reply) {
  return ScanContainer<StoredHash>(db, key, cursor, filter, reply,
                                   [&](const StoredHash::Pair& pair, Found& found) {
                                     if (!Matches(filter, pair.field.bytes)) return;
                                     found.Add(pair.field);
                                     found.Add(pair.value);
                                   });
}

Status ScanSet(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
               Reply& reply) {
  return ScanContainer<StoredSet>(db, key, cursor, filter, reply,
                                  [&](const PackedPart& member, Found& found) {
                                    if (Matches(filter, member.bytes)) found.Add(member);
                                  });
}

Status ScanSortedSet(int db, std::string_view key, uint64_t cursor, const ScanFilter& filter,
                     Reply& reply) {
  return ScanContainer<StoredSortedSet>(db, key, cursor, filter, reply,
                                        [&](const ScoredMember& each, Found& found) {
                                          if (Matches(filter, each.member.bytes))
                                            found.Add(each.member, each.score);
                                        });
}

}  // namespace tutti::keys
