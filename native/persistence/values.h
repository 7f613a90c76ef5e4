// Values in RDB: what DUMP and files hold of a key.
//
// Threads: any; nobody's lock is needed.
#pragma once

#include <cstdint>

#include "core/object.h"
#include "persistence/rdb_reader.h"
#include "persistence/rdb_writer.h"

namespace tutti {

// The type with which the value is written: one that Redis 7.0 reads.
uint8_t RdbTypeOf(const Object& value);
// Behind its type, and for a file its key.
void WriteValue(const Object& value, RdbWriter& writer);

// Any type of versions 1 to 11. Null if `reader` has failed: kBadFormat says why, kEmptyValue is a
// container without elements.
Ref<Object> ReadValue(uint8_t type, RdbReader& reader);

}  // namespace tutti
