// Puts values that come from a file or a payload under their keys.
//
// Threads: any; takes the lock of the key's stripe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/object.h"
#include "core/status.h"
#include "keyspace/keyspace.h"

namespace tutti {

// How a key comes: with its expiry (Unix time), and how it was used.
struct KeyFacts {
  int64_t expire_at_ms = kNoExpiry;
  std::optional<int64_t> idle_seconds;
  std::optional<int64_t> frequency;
};

// RESTORE: kBusyKey if the key exists and is not to be replaced. A time that is past deletes it.
Status RestoreKey(int db, std::string_view key, Ref<Object> value, const KeyFacts& facts,
                  bool replaces);

// From a file, which is no change: kBusyKey if the key exists and is not to be replaced.
Status LoadKey(int db, std::string_view key, Ref<Object> value, const KeyFacts& facts,
               bool replaces);

}  // namespace tutti
