#include "keyspace/populate.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "keyspace/change.h"
#include "keyspace/value.h"

namespace tutti {

Status Populate(int db, std::string_view prefix, int64_t count, std::optional<size_t> value_bytes) {
  for (int64_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    const std::string key = std::string(prefix) + ':' + number, text = "value:" + number;
    const size_t bytes = value_bytes.value_or(text.size());
    Ref<String> value = String::Make(bytes, bytes);
    if (!value) return Code::kOutOfMemory;
    const size_t copied = std::min(bytes, text.size());
    std::memcpy(value->data(), text.data(), copied);
    std::memset(value->data() + copied, 0, bytes - copied);
    LockedKey locked(db, key);
    if (locked.state.exists()) continue;
    Commit(locked.state, std::move(value), kNoExpiry, {events::kNone, 0}, locked.graveyard);
  }
  return Status::Ok();
}

}  // namespace tutti
