// The commands about strings.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/reply.h"
#include "keyspace/value.h"

namespace tutti::strings {

// A string to be changed in place: unique, with its old bytes and zeros behind them up to `bytes`,
// or null if there is no memory; then the key is as before. Commit() must follow.
Ref<String> TakeString(KeyState& state, size_t bytes, Graveyard& graveyard);

// The new value. kNotInteger, kWouldOverflow.
Result<int64_t> Increment(int db, std::string_view key, int64_t by, int64_t* value);
// Replies with the new value. kNotFloat, kIncrementNotFinite.
Status IncrementFloat(int db, std::string_view key, long double by, Reply& reply);
// The new length. kStringTooLong beyond `bytes_max`.
Result<int64_t> Append(int db, std::string_view key, std::string_view more, int64_t bytes_max);
Result<int64_t> SetRange(int db, std::string_view key, int64_t offset, std::string_view bytes,
                         int64_t bytes_max);

// What GETDEL, GETEX and GETSET do with the key.
enum class After : int { kNothing = 0, kDelete = 1, kExpire = 2, kPersist = 3 };
// The string before; null if there is none.
Result<Ref<String>> GetAnd(int db, std::string_view key, After after, int64_t expire_at_ms);

// A bulk or nil for each: nil too for what is no string.
void GetAll(int db, Words keys, Reply& reply);
// All of them; with `only_if_none` only if no key exists. False if one does.
bool SetAll(int db, Words keys, std::vector<Ref<String>> values, bool only_if_none);

enum class LcsWanted { kText, kLength, kMatches };
// kStringTooLong if the table would take more than `bytes_max`.
Status LongestCommon(int db, std::string_view first, std::string_view second, LcsWanted wanted,
                     int64_t match_min, bool with_lengths, int64_t bytes_max, Reply& reply);

}  // namespace tutti::strings
