// The payload of DUMP and RESTORE: type, value, two bytes of version, eight of checksum.
//
// Threads: any; nobody's lock is needed. The cost is that of copying the value.
#pragma once

#include <string_view>

#include "core/object.h"
#include "core/status.h"
#include "keyspace/value.h"

namespace tutti {

// Null: no memory.
Ref<String> Dump(const Object& value, bool compresses);

// kBadChecksum: checksum or version; kBadFormat, kOutOfMemory.
Result<Ref<Object>> Undump(std::string_view payload);

}  // namespace tutti
