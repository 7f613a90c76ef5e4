// The commands about hashes.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/hash.h"
#include "keyspace/reply.h"

namespace tutti::hashes {

// Pairs field, value. The number of fields that are new; with `only_if_absent`, no other is set.
Result<int64_t> Set(int db, std::string_view key, Words fields_and_values, bool only_if_absent);
Result<int64_t> Remove(int db, std::string_view key, Words fields);
// The new value. kHashNotInteger, kWouldOverflow.
Result<int64_t> Increment(int db, std::string_view key, std::string_view field, int64_t by,
                          int64_t* value);
// Replies with the new value. kHashNotFloat, kIncrementNotFinite.
Status IncrementFloat(int db, std::string_view key, std::string_view field, long double by,
                      Reply& reply);
// A bulk or nil for each.
Status Values(int db, std::string_view key, Words fields, Reply& reply);
Status Random(int db, std::string_view key, bool has_count, int64_t count, bool with_values,
              Reply& reply);

}  // namespace tutti::hashes
