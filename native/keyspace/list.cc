#include "keyspace/list.h"

#include <algorithm>
#include <cassert>

#include "core/numbers.h"
#include "keyspace/limits.h"

namespace tutti {

namespace {

constexpr int64_t kListpackHeadBytes = 7;
constexpr int64_t kListpackBytesMax = 8192;

// What an element takes in a listpack (redis:src/listpack.c): its encoding, and its length again.
int64_t ListpackBytes(std::string_view element) {
  int64_t bytes = static_cast<int64_t>(element.size());
  if (const auto value = element.size() < 21 ? ParseInteger(element) : std::nullopt) {
    const auto fits = [&](int bits) {
      const int64_t bound = int64_t{1} << (bits - 1);
      return *value >= -bound && *value < bound;
    };
    if (*value >= 0 && *value < 128) {
      bytes = 1;
    } else {
      bytes = fits(13) ? 2 : fits(16) ? 3 : fits(24) ? 4 : fits(32) ? 5 : 9;
    }
  } else {
    bytes += bytes < 64 ? 1 : bytes < 4096 ? 2 : 5;
  }
  return bytes + (bytes < 128 ? 1 : bytes < 16384 ? 2 : bytes < 2097152 ? 3 : 4);
}

// As list-max-listpack-size has it: a number of elements, or below 0 one of five sizes.
bool Exceeds(int64_t bytes, int64_t count) {
  const int64_t limit = Limit(value_limits.list_listpack_size);
  if (limit >= 0) return count > std::max<int64_t>(limit, 1) || bytes > kListpackBytesMax;
  return bytes > 2048 << std::min<int64_t>(-limit, 5);
}

}  // namespace

Ref<StoredList> StoredList::Share() const {
  Ref<StoredList> list = New();
  list->elements_ = elements_.Share();
  list->listpack_bytes_ = listpack_bytes_;
  list->is_large_ = is_large_;
  return list;
}

void StoredList::ForRange(int64_t first, int64_t last, const ElementVisitor& visit) const {
  if (first > last) return;
  assert(first >= 0 && last < length());
  auto path = elements_.SeekIndex(first);
  for (int64_t index = first; index <= last; ++index) {
    if (!visit(path.leaf->PartAt(path.position, 0))) return;
    if (!elements_.Next(path)) return;
  }
}

PackedPart StoredList::At(int64_t index) const {
  assert(index >= 0 && index < length());
  const auto path = elements_.SeekIndex(index);
  return path.leaf->BorrowPart(path.position, 0);
}

void StoredList::Insert(int64_t index, const PackedPart& element) {
  auto path = elements_.SeekIndex(index);
  elements_.Insert(path, {0, {Shared(element)}});
  NoteSize(ListpackBytes(element.bytes));
}

void StoredList::Set(int64_t index, const PackedPart& element, Graveyard& graveyard) {
  auto path = elements_.SeekIndex(index);
  const int64_t before = ListpackBytes(path.leaf->PartAt(path.position, 0));
  graveyard.Add(path.leaf->OutsideAt(path.position, 0));
  elements_.Replace(path, {0, {Shared(element)}});
  NoteSize(ListpackBytes(element.bytes) - before);
}

void StoredList::Remove(int64_t index, Graveyard& graveyard) {
  auto path = elements_.SeekIndex(index);
  const int64_t before = ListpackBytes(path.leaf->PartAt(path.position, 0));
  graveyard.Add(path.leaf->OutsideAt(path.position, 0));
  elements_.Erase(path);
  NoteSize(-before);
}

// A list that has been large is so until half of the limit would hold it.
void StoredList::NoteSize(int64_t more_bytes) {
  listpack_bytes_ += more_bytes;
  const int64_t bytes = listpack_bytes_ + kListpackHeadBytes;
  const int64_t factor = is_large_ ? 2 : 1;
  is_large_ = Exceeds(factor * bytes, factor * length());
}

}  // namespace tutti
