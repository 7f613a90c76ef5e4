// Digests of values and of the whole keyspace, equal to redis-server's for the plain types
// (redis:src/debug.c, DEBUG DIGEST and DIGEST-VALUE): whether two servers hold the same.
//
// Threads: any; a value is read without a lock.
#pragma once

#include <cstdint>

#include "core/object.h"
#include "core/sha1.h"

namespace tutti {

// All zeros without a value.
Sha1Digest DigestOfValue(const Object* value, bool expires);

// Of all keys of all databases; those of a stripe as they are when it is its turn.
Sha1Digest DigestOfAll();

}  // namespace tutti
