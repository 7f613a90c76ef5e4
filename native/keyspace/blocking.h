// The commands that wait for keys: what each takes, and how it is answered.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/waiters.h"

namespace tutti::blocking {

// BLPOP and BRPOP reply with a key and its element, BLMPOP with a key and its elements.
Ref<Waiter> PopList(int db, Words keys, bool from_tail, bool has_count, int64_t count);
// BLMOVE and BRPOPLPUSH: the element.
Ref<Waiter> MoveList(int db, std::string_view from, std::string_view to, bool from_tail,
                     bool to_tail);
// BZPOPMIN and BZPOPMAX reply with a key, a member and its score, BZMPOP with a key and pairs.
Ref<Waiter> PopSortedSet(int db, Words keys, bool from_max, bool has_count, int64_t count);
// XREAD: entries behind the ids; `$` is behind the last one that is there when it begins.
// kInvalidStreamId.
Result<Ref<Waiter>> ReadStreams(int db, Words keys, Words ids, int64_t count);
// WAIT: no key ends it.
Ref<Waiter> WaitForNothing();

// Takes what there is, to be written, or else waits if `may_wait`. kNotFound: nothing was there.
Status Begin(const Ref<Waiter>& waiter, bool may_wait);

}  // namespace tutti::blocking
