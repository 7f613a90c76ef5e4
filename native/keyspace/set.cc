#include "keyspace/set.h"

#include <cassert>

#include "core/numbers.h"
#include "keyspace/limits.h"

namespace tutti {

namespace {

// Integers ascend as the orders do.
uint64_t IntegerOrder(int64_t value) { return static_cast<uint64_t>(value) ^ (uint64_t{1} << 63); }

int64_t IndexInSmall(const Tree<ListLeaf>& tree, std::string_view member) {
  auto path = tree.SeekIndex(0);
  int64_t index = 0;
  for (bool more = tree.Settle(path); more; more = tree.Next(path), ++index) {
    if (path.leaf->PartAt(path.position, 0) == member) return index;
  }
  return -1;
}

}  // namespace

Ref<StoredSet> StoredSet::Share() const {
  Ref<StoredSet> set = New();
  set->form_ = form_;
  set->small_ = small_.Share();
  set->ordered_ = ordered_.Share();
  return set;
}

uint64_t StoredSet::OrderOf(std::string_view member) const {
  return form_ == Form::kLarge ? HashOrder(member) : IntegerOrder(*ParseInteger(member));
}

std::optional<Tree<OrderedLeaf>::Path> StoredSet::FindOrdered(std::string_view member) const {
  if (form_ == Form::kIntegers && !ParseInteger(member)) return std::nullopt;
  const uint64_t order = OrderOf(member);
  auto path = ordered_.SeekOrder(order);
  for (bool more = ordered_.Settle(path); more; more = ordered_.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) break;
    if (path.leaf->PartAt(path.position, 0) == member) return path;
  }
  return std::nullopt;
}

bool StoredSet::Contains(std::string_view member) const {
  if (form_ == Form::kSmall) return IndexInSmall(small_, member) >= 0;
  return FindOrdered(member).has_value();
}

PackedPart StoredSet::At(int64_t index) const {
  assert(index >= 0 && index < length());
  if (form_ == Form::kSmall) {
    const auto path = small_.SeekIndex(index);
    return path.leaf->BorrowPart(path.position, 0);
  }
  const auto path = ordered_.SeekIndex(index);
  return path.leaf->BorrowPart(path.position, 0);
}

bool StoredSet::Add(const PackedPart& member) {
  if (Contains(member.bytes)) return false;
  MakeFit(member.bytes);
  if (form_ == Form::kSmall) {
    auto path = small_.SeekIndex(small_.size());
    small_.Insert(path, {0, {Shared(member)}});
  } else {
    const uint64_t order = OrderOf(member.bytes);
    auto path = ordered_.SeekOrder(order);
    ordered_.Insert(path, {order, {Shared(member)}});
  }
  return true;
}

bool StoredSet::Remove(std::string_view member, Graveyard& graveyard) {
  if (form_ == Form::kSmall) {
    const int64_t index = IndexInSmall(small_, member);
    if (index >= 0) RemoveAt(index, graveyard);
    return index >= 0;
  }
  auto path = FindOrdered(member);
  if (!path) return false;
  graveyard.Add(path->leaf->OutsideAt(path->position, 0));
  ordered_.Erase(*path);
  return true;
}

void StoredSet::RemoveAt(int64_t index, Graveyard& graveyard) {
  if (form_ == Form::kSmall) {
    auto path = small_.SeekIndex(index);
    graveyard.Add(path.leaf->OutsideAt(path.position, 0));
    small_.Erase(path);
  } else {
    auto path = ordered_.SeekIndex(index);
    graveyard.Add(path.leaf->OutsideAt(path.position, 0));
    ordered_.Erase(path);
  }
}

// As Redis 7.2 chooses (t_set.c, setTypeAddAux).
void StoredSet::MakeFit(std::string_view member) {
  const bool is_short =
      member.size() <= static_cast<size_t>(Limit(value_limits.set_listpack_value));
  const bool has_small_room = length() < Limit(value_limits.set_listpack_entries);
  if (form_ == Form::kIntegers) {
    const bool is_integer = ParseInteger(member).has_value();
    if (is_integer && length() < Limit(value_limits.set_intset_entries)) return;
    TurnInto(is_short && has_small_room && !(is_integer && length() > 0) ? Form::kSmall
                                                                         : Form::kLarge);
  } else if (form_ == Form::kSmall && !(is_short && has_small_room)) {
    TurnInto(Form::kLarge);
  }
}

void StoredSet::TurnInto(Form form) {
  const Ref<StoredSet> before = Share();
  small_.Clear();
  ordered_.Clear();
  form_ = form;
  before->ForEach(0, [&](const PackedPart& member) {
    if (form_ == Form::kSmall) {
      auto path = small_.SeekIndex(small_.size());
      small_.Insert(path, {0, {Shared(member)}});
    } else {
      const uint64_t order = HashOrder(member.bytes);
      auto path = ordered_.SeekOrder(order);
      ordered_.Insert(path, {order, {Shared(member)}});
    }
    return true;
  });
}

}  // namespace tutti
