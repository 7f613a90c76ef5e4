// Up to which size values keep their small form: the settings *-max-listpack-* and the like.
//
// Threads: set by the main thread, read by any. A value that has its form keeps it until it
// changes.
#pragma once

#include <atomic>
#include <cstdint>

namespace tutti {

struct ValueLimits {
  std::atomic<int64_t> hash_listpack_entries{512};
  std::atomic<int64_t> hash_listpack_value{64};
  std::atomic<int64_t> list_listpack_size{-2};
  std::atomic<int64_t> set_intset_entries{512};
  std::atomic<int64_t> set_listpack_entries{128};
  std::atomic<int64_t> set_listpack_value{64};
  std::atomic<int64_t> zset_listpack_entries{128};
  std::atomic<int64_t> zset_listpack_value{64};
  std::atomic<int64_t> stream_node_entries{100};
};

extern ValueLimits value_limits;

// A limit that is changed seldom and read often.
inline int64_t Limit(const std::atomic<int64_t>& limit) {
  return limit.load(std::memory_order_relaxed);
}

}  // namespace tutti
