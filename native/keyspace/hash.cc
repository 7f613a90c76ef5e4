#include "keyspace/hash.h"

#include <cassert>

#include "keyspace/limits.h"

namespace tutti {

namespace {

uint64_t OrderOf(std::string_view field) { return HashOrder(field); }

// The path to the field's pair, or to where it is to be inserted.
template <typename Leaf>
struct Found {
  typename Tree<Leaf>::Path path;
  bool exists = false;
};

Found<PairLeaf> FindIn(const Tree<PairLeaf>& tree, std::string_view field) {
  auto path = tree.SeekIndex(0);
  for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
    if (path.leaf->PartAt(path.position, 0) == field) return {path, true};
  }
  return {path, false};  // behind the last
}

Found<HashedPairLeaf> FindIn(const Tree<HashedPairLeaf>& tree, std::string_view field) {
  const uint64_t order = OrderOf(field);
  const auto sought = tree.SeekOrder(order);
  auto path = sought;
  for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) break;
    if (path.leaf->PartAt(path.position, 0) == field) return {path, true};
  }
  return {sought, false};
}

template <typename Leaf>
bool Look(const Tree<Leaf>& tree, std::string_view field, std::string_view* value) {
  const auto found = FindIn(tree, field);
  if (found.exists && value) *value = found.path.leaf->PartAt(found.path.position, 1);
  return found.exists;
}

template <typename Leaf>
void Visit(const Tree<Leaf>& tree, int64_t first, const PairVisitor& visit) {
  auto path = tree.SeekIndex(first);
  for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
    const Leaf& leaf = *path.leaf;
    if (!visit(leaf.PartAt(path.position, 0), leaf.PartAt(path.position, 1))) return;
  }
}

template <typename Leaf>
bool Put(Tree<Leaf>& tree, const PackedItem<2>& pair, Graveyard& graveyard) {
  auto found = FindIn(tree, pair.part(0));
  if (!found.exists) {
    tree.Insert(found.path, {OrderOf(pair.part(0)), pair.Parts()});
    return true;
  }
  for (int part = 0; part < 2; ++part) {
    graveyard.Add(found.path.leaf->OutsideAt(found.path.position, part));
  }
  tree.Replace(found.path, {OrderOf(pair.part(0)), pair.Parts()});
  return false;
}

}  // namespace

Ref<StoredHash> StoredHash::Share() const {
  Ref<StoredHash> hash = New();
  hash->is_small_ = is_small_;
  hash->small_ = small_.Share();
  hash->large_ = large_.Share();
  return hash;
}

bool StoredHash::Contains(std::string_view field) const { return Find(field, nullptr); }

bool StoredHash::Find(std::string_view field, std::string_view* value) const {
  return is_small_ ? Look(small_, field, value) : Look(large_, field, value);
}

void StoredHash::ForEach(int64_t first, const PairVisitor& visit) const {
  if (first >= length()) return;
  if (is_small_) {
    Visit(small_, first, visit);
  } else {
    Visit(large_, first, visit);
  }
}

bool StoredHash::Set(const PackedItem<2>& pair, Graveyard& graveyard) {
  if (is_small_) {
    const auto bytes_max = static_cast<size_t>(Limit(value_limits.hash_listpack_value));
    const bool is_short = pair.part(0).size() <= bytes_max && pair.part(1).size() <= bytes_max;
    const bool has_room = small_.size() < Limit(value_limits.hash_listpack_entries) ||
                          FindIn(small_, pair.part(0)).exists;
    if (is_short && has_room) return Put(small_, pair, graveyard);
    Grow();
  }
  return Put(large_, pair, graveyard);
}

std::optional<PackedPart> StoredHash::Value(std::string_view field) const {
  const auto look = [&](const auto& tree) -> std::optional<PackedPart> {
    const auto found = FindIn(tree, field);
    if (!found.exists) return std::nullopt;
    return found.path.leaf->BorrowPart(found.path.position, 1);
  };
  return is_small_ ? look(small_) : look(large_);
}

StoredHash::Pair StoredHash::At(int64_t index) const {
  assert(index >= 0 && index < length());
  const auto at = [&](const auto& tree) {
    const auto path = tree.SeekIndex(index);
    return Pair{path.leaf->BorrowPart(path.position, 0), path.leaf->BorrowPart(path.position, 1)};
  };
  return is_small_ ? at(small_) : at(large_);
}

bool StoredHash::Remove(std::string_view field, Graveyard& graveyard) {
  const auto remove = [&](auto& tree) {
    auto found = FindIn(tree, field);
    if (!found.exists) return false;
    for (int part = 0; part < 2; ++part) {
      graveyard.Add(found.path.leaf->OutsideAt(found.path.position, part));
    }
    tree.Erase(found.path);
    return true;
  };
  return is_small_ ? remove(small_) : remove(large_);
}

void StoredHash::Grow() {
  ForEachPart(0, [this](const PackedPart& field, const PackedPart& value) {
    auto found = FindIn(large_, field.bytes);
    large_.Insert(found.path, {OrderOf(field.bytes), {Shared(field), Shared(value)}});
    return true;
  });
  small_.Clear();
  is_small_ = false;
}

}  // namespace tutti
