// The commands about lists.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/list.h"
#include "keyspace/reply.h"

namespace tutti::lists {

// The length after it; 0 if the key must be present and is not.
Result<int64_t> Push(int db, std::string_view key, Words elements, bool at_tail,
                     bool only_if_present);
// `has_count`: an array, a nil array without key. Else a bulk or nil.
Status Pop(int db, std::string_view key, bool from_tail, bool has_count, int64_t count,
           Reply& reply);
// Of the first key that holds any: the key and the elements. A nil array if none does.
Status PopFirst(int db, Words keys, bool from_tail, int64_t count, Reply& reply);
// A bulk or nil. Negative indices count from the end.
Status Index(int db, std::string_view key, int64_t index, Reply& reply);
// kNotFound, kIndexOutOfRange.
Status Set(int db, std::string_view key, int64_t index, std::string_view element);
// Replies with the length after it, 0 without key, -1 without pivot.
Status Insert(int db, std::string_view key, bool is_after, std::string_view pivot,
              std::string_view element, Reply& reply);
// Removes elements equal to this, `count` of them from the head, or below 0 from the tail; all for
// 0. How many.
Result<int64_t> Remove(int db, std::string_view key, int64_t count, std::string_view element);
Status Trim(int db, std::string_view key, int64_t start, int64_t stop);
// One element, taken out of a list.
struct TakenElement {
  std::string bytes;
  Ref<String> outside;  // holds it instead, if not null

  std::string_view view() const { return outside ? outside->view() : std::string_view(bytes); }
  void Write(Reply& reply) const { reply.Bulk(view(), outside.get()); }
};

// A copy of an element, or another reference to where it lies.
TakenElement Taken(const PackedPart& part);
// Takes up to `count` from an end of a list, which is there. The stripe is locked, as those below.
void TakeLocked(KeyState& state, bool from_tail, int64_t count, Graveyard& graveyard,
                std::vector<TakenElement>& taken);
// Moves one element. kNotFound: `from` holds none; kWrongType.
Status MoveLocked(int db, std::string_view from, std::string_view to, bool from_tail, bool to_tail,
                  Graveyard& graveyard, TakenElement& moved);

// Replies with the element moved, or nil.
Status Move(int db, std::string_view from, std::string_view to, bool from_tail, bool to_tail,
            Reply& reply);
// Places of elements equal to this: the `rank`-th and further ones, below 0 from the tail, among
// the first `compared_max` (0: all). `count` below 0: one integer or nil, else an array of so many,
// 0 of all.
Status Position(int db, std::string_view key, std::string_view element, int64_t rank, int64_t count,
                int64_t compared_max, Reply& reply);

}  // namespace tutti::lists
