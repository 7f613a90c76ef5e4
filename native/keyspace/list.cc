#include "keyspace/list.h"

#include <cassert>

namespace tutti {

Ref<StoredList> StoredList::Share() const {
  Ref<StoredList> list = New();
  list->elements_ = elements_.Share();
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

void StoredList::Push(const PackedItem<1>& element, bool at_tail) {
  auto path = elements_.SeekIndex(at_tail ? elements_.size() : 0);
  elements_.Insert(path, {0, element.Parts()});
}

}  // namespace tutti
