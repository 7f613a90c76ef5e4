// Groups of a stream's consumers as they come from a Redis: XINFO tells of them and no command of
// ours changes them, they stay with their stream and go with it into files and DUMP.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "keyspace/stream_id.h"

namespace tutti {

inline constexpr uint64_t kEntriesReadUnknown = UINT64_MAX;

struct StreamGroup {
  struct Pending {
    StreamId id;
    int64_t delivered_at_ms = 0;
    uint64_t delivery_count = 0;
  };
  struct Consumer {
    std::string name;
    int64_t seen_at_ms = 0;
    std::vector<StreamId> pending;
  };

  std::string name;
  StreamId last_id;
  uint64_t entries_read = 0;  // or kEntriesReadUnknown
  std::vector<Pending> pending;
  std::vector<Consumer> consumers;
};

}  // namespace tutti
