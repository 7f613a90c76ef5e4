// SORT without patterns: elements by number or by text (redis:src/sort.c).
#include <algorithm>
#include <cmath>

#include "keyspace/keys.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/sorted_set.h"

namespace tutti::keys {

namespace {

struct Element {
  PackedPart part;
  double number = 0;
};

using Elements = std::vector<Element>;

// The elements of a value in its own order, borrowed from it. kWrongType.
Status Collect(const Ref<Object>& value, const SortOrder& order, Elements& elements) {
  const auto add = [&](const PackedPart& part) {
    elements.push_back({part});
    return true;
  };
  if (!value) return Status::Ok();
  switch (value->kind()) {
    case ObjectKind::kList:
      static_cast<const StoredList&>(*value).ForEachFrom(
          0, false, [&](int64_t, const PackedPart& part) { return add(part); });
      return Status::Ok();
    case ObjectKind::kSet:
      static_cast<const StoredSet&>(*value).ForEach(0, add);
      return Status::Ok();
    case ObjectKind::kSortedSet: {
      const auto& set = static_cast<const StoredSortedSet&>(*value);
      const bool is_reversed = !order.is_sorted && order.is_descending;
      set.ForRange(0, set.length() - 1, is_reversed,
                   [&](const ScoredMember& each) { return add(each.member); });
      return Status::Ok();
    }
    default:
      return Code::kWrongType;
  }
}

bool ReadNumber(Element& element) {
  const std::string text(element.part.bytes);
  char* end = nullptr;
  errno = 0;
  element.number = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && errno != ERANGE && !std::isnan(element.number);
}

// Sorts, and leaves what LIMIT selects.
Status Arrange(const SortOrder& order, Elements& elements) {
  const auto length = static_cast<int64_t>(elements.size());
  const int64_t first = std::clamp<int64_t>(order.offset, 0, length);
  const int64_t end = order.count < 0 ? length : first + std::min(order.count, length - first);
  if (order.is_sorted) {
    if (!order.by_text) {
      for (Element& element : elements) {
        if (!ReadNumber(element)) return Code::kNotSortable;
      }
    }
    const auto less = [&](const Element& a, const Element& b) {
      if (a.number != b.number)
        return order.is_descending ? b.number < a.number : a.number < b.number;
      return order.is_descending ? b.part.bytes < a.part.bytes : a.part.bytes < b.part.bytes;
    };
    std::partial_sort(elements.begin(), elements.begin() + end, elements.end(), less);
  }
  elements.erase(elements.begin() + end, elements.end());
  elements.erase(elements.begin(), elements.begin() + first);
  return Status::Ok();
}

}  // namespace

Status Sort(int db, std::string_view key, const SortOrder& order, Reply& reply) {
  const Ref<Object> value = Keyspace::Get().Find(db, key);
  Elements elements;
  Status status = Collect(value, order, elements);
  if (status.ok()) status = Arrange(order, elements);
  if (!status.ok()) return status;
  reply.Array(static_cast<int64_t>(elements.size()));
  for (const Element& element : elements) reply.Bulk(element.part);
  return Status::Ok();
}

Result<int64_t> SortInto(int db, std::string_view key, const SortOrder& order,
                         std::string_view target) {
  const std::string_view names[] = {key, target};
  LockedKeys locked(names);
  Ref<Object> value;
  {
    const KeyState source = locked.ForRead(db, 0);
    if (source.exists()) value = source.value();
  }
  Elements elements;
  // What has no order gets one, so that a replay comes out the same.
  SortOrder stored = order;
  if (!order.is_sorted && value && value->kind() == ObjectKind::kSet) {
    stored.is_sorted = true;
    stored.by_text = true;
  }
  Status status = Collect(value, stored, elements);
  if (status.ok()) status = Arrange(stored, elements);
  if (!status.ok()) return status;
  Ref<StoredList> list = StoredList::New();
  for (const Element& element : elements) list->Insert(list->length(), element.part);
  const int64_t length = list->length();
  locked.graveyard.Add(std::move(value));
  KeyState state = locked.ForWrite(db, 1);
  StoreContainer(state, std::move(list), events::kSortStore, locked.graveyard);
  return length;
}

}  // namespace tutti::keys
