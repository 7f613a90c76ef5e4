#include "keyspace/sorted_set.h"

#include <bit>
#include <cassert>

#include "keyspace/limits.h"

namespace tutti {

namespace {

constexpr uint64_t kSignBit = uint64_t{1} << 63;

// The bytes of a score as the second part of an item.
struct ScoreBytes {
  explicit ScoreBytes(double score) { std::memcpy(bytes, &score, sizeof bytes); }
  PackedPart part() const { return {{bytes, sizeof bytes}, nullptr}; }
  char bytes[sizeof(double)];
};

}  // namespace

// Ascends as scores do; -0 is 0.
uint64_t StoredSortedSet::OrderOf(double score) {
  const auto bits = std::bit_cast<uint64_t>(score == 0 ? 0.0 : score);
  return bits & kSignBit ? ~bits : bits | kSignBit;
}

double StoredSortedSet::ScoreOf(uint64_t order) {
  return std::bit_cast<double>(order & kSignBit ? order & ~kSignBit : ~order);
}

double StoredSortedSet::ScoreAt(const HashedPairLeaf& leaf, int at) {
  double score;
  std::memcpy(&score, leaf.PartAt(at, 1).data(), sizeof score);
  return score;
}

Ref<StoredSortedSet> StoredSortedSet::Share() const {
  Ref<StoredSortedSet> copy = New();
  copy->is_large_ = is_large_;
  copy->by_score_ = by_score_.Share();
  copy->by_member_ = by_member_.Share();
  return copy;
}

StoredSortedSet::ScorePath StoredSortedSet::SeekScore(double score, std::string_view member) const {
  auto path = by_score_.SeekWithin(
      OrderOf(score), [&](const OrderedLeaf& leaf, int at) { return leaf.PartAt(at, 0) < member; });
  return path;
}

std::optional<StoredSortedSet::MemberPath> StoredSortedSet::FindMember(
    std::string_view member) const {
  const uint64_t order = HashOrder(member);
  auto path = by_member_.SeekOrder(order);
  for (bool more = by_member_.Settle(path); more; more = by_member_.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) break;
    if (path.leaf->PartAt(path.position, 0) == member) return path;
  }
  return std::nullopt;
}

std::optional<StoredSortedSet::ScorePath> StoredSortedSet::FindSmall(
    std::string_view member) const {
  auto path = by_score_.SeekIndex(0);
  for (bool more = by_score_.Settle(path); more; more = by_score_.Next(path)) {
    if (path.leaf->PartAt(path.position, 0) == member) return path;
  }
  return std::nullopt;
}

std::optional<double> StoredSortedSet::Score(std::string_view member) const {
  if (is_large_) {
    const auto path = FindMember(member);
    if (!path) return std::nullopt;
    return ScoreAt(*path->leaf, path->position);
  }
  const auto path = FindSmall(member);
  if (!path) return std::nullopt;
  return ScoreOf(path->leaf->OrderOf(path->position));
}

int64_t StoredSortedSet::Rank(std::string_view member, double score) const {
  return by_score_.IndexOf(SeekScore(score, member));
}

int64_t StoredSortedSet::CountBefore(double score, bool with_equal) const {
  return by_score_.IndexOf(by_score_.SeekOrder(OrderOf(score) + (with_equal ? 1 : 0)));
}

int64_t StoredSortedSet::CountBefore(std::string_view member, bool with_equal) const {
  int64_t first = 0;
  int64_t last = length();
  while (first < last) {
    const int64_t middle = (first + last) / 2;
    const auto path = by_score_.SeekIndex(middle);
    const int order = path.leaf->PartAt(path.position, 0).compare(member);
    if (order < 0 || (with_equal && order == 0)) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

ScoredMember StoredSortedSet::At(int64_t index) const {
  assert(index >= 0 && index < length());
  const auto path = by_score_.SeekIndex(index);
  return MemberAt(*path.leaf, path.position);
}

void StoredSortedSet::Insert(const PackedPart& new_member, double score) {
  const bool is_short =
      new_member.bytes.size() <= static_cast<size_t>(Limit(value_limits.zset_listpack_value));
  if (!is_large_ && !(is_short && length() < Limit(value_limits.zset_listpack_entries))) Grow();
  auto path = SeekScore(score, new_member.bytes);
  by_score_.Insert(path, {OrderOf(score), {Shared(new_member)}});
  if (is_large_) InsertByMember(new_member, score);
}

void StoredSortedSet::InsertByMember(const PackedPart& member, double score) {
  const uint64_t order = HashOrder(member.bytes);
  const ScoreBytes bytes(score == 0 ? 0.0 : score);
  auto path = by_member_.SeekOrder(order);
  by_member_.Insert(path, {order, {Shared(member), bytes.part()}});
}

void StoredSortedSet::Update(std::string_view member, double before, double score,
                             Graveyard& graveyard) {
  if (OrderOf(before) == OrderOf(score)) return;
  auto path = SeekScore(before, member);
  by_score_.Settle(path);
  // Both references outlive the item: the new one is another's, and no copy is made of a long one.
  const Ref<Object> outside = path.leaf->OutsideAt(path.position, 0);
  const PackedPart part{member, static_cast<String*>(outside.get())};
  by_score_.Erase(path);
  auto to = SeekScore(score, member);
  by_score_.Insert(to, {OrderOf(score), {Shared(part)}});
  graveyard.Add(outside);
  if (!is_large_) return;
  auto found = *FindMember(member);
  const ScoreBytes bytes(score == 0 ? 0.0 : score);
  by_member_.Replace(found, {HashOrder(member), {Shared(part), bytes.part()}});
}

bool StoredSortedSet::Remove(std::string_view member, Graveyard& graveyard) {
  if (!is_large_) {
    auto path = FindSmall(member);
    if (!path) return false;
    graveyard.Add(path->leaf->OutsideAt(path->position, 0));
    by_score_.Erase(*path);
    return true;
  }
  auto found = FindMember(member);
  if (!found) return false;
  auto path = SeekScore(ScoreAt(*found->leaf, found->position), member);
  by_score_.Settle(path);
  graveyard.Add(path.leaf->OutsideAt(path.position, 0));
  by_score_.Erase(path);
  by_member_.Erase(*found);
  return true;
}

void StoredSortedSet::RemoveAt(int64_t index, Graveyard& graveyard) {
  auto path = by_score_.SeekIndex(index);
  graveyard.Add(path.leaf->OutsideAt(path.position, 0));
  if (is_large_) {
    auto found = FindMember(path.leaf->PartAt(path.position, 0));
    by_member_.Erase(*found);
  }
  by_score_.Erase(path);
}

void StoredSortedSet::Grow() {
  is_large_ = true;
  ForEach([this](const ScoredMember& each) {
    InsertByMember(each.member, each.score);
    return true;
  });
}

}  // namespace tutti
