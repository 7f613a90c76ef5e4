// DEBUG POPULATE: many keys at once, for tests.
//
// Threads: any; takes the lock of each key's stripe in turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/status.h"

namespace tutti {

// Makes those of the keys `prefix`:0 to `prefix`:`count` - 1 that are not there, each with the
// string value:`i`, cut or filled with zeros to `value_bytes` if they are given. kOutOfMemory.
Status Populate(int db, std::string_view prefix, int64_t count, std::optional<size_t> value_bytes);

}  // namespace tutti
