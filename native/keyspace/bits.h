// The commands about the bits of strings: bit 0 is the highest of byte 0.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/reply.h"

namespace tutti::bits {

// The bit before.
Result<int64_t> Set(int db, std::string_view key, int64_t offset, bool bit);
Result<int64_t> Get(int db, std::string_view key, int64_t offset);

// From `start` to `end`, negative from the end, in bytes or bits.
struct Range {
  int64_t start = 0, end = -1;
  bool is_in_bits = false;
};

// How many bits are 1.
Result<int64_t> Count(int db, std::string_view key, const Range& range);
// Replies with the place of the first bit that is `bit`, or -1. Without `has_end` the string goes
// on with zeros.
Status Position(int db, std::string_view key, bool bit, const Range& range, bool has_end,
                Reply& reply);

enum class Operation : int { kAnd = 0, kOr = 1, kXor = 2, kNot = 3 };
// keys[0] is the destination. The result's bytes.
Result<int64_t> Combine(int db, Operation operation, Words keys);

// BITFIELD: the words behind the key. An integer, or nil where OVERFLOW FAIL forbids it, for each.
// kSyntax, kInvalidBitfieldType, kInvalidBitOffset, kInvalidOverflow, kNotInteger; kOnlyGet if
// `is_readonly` and there is anything else.
Status Fields(int db, std::string_view key, Words words, bool is_readonly, int64_t bytes_max,
              Reply& reply);

// A bit's offset as it is written; with `#` a multiple of `field_bits`, unless that is 0.
Result<int64_t> ParseOffset(std::string_view text, int field_bits, int64_t bytes_max);

}  // namespace tutti::bits
