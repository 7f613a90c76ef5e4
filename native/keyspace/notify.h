// Tells the listeners of keyspace events what has happened to keys.
//
// Threads: any, also under the locks of stripes.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "keyspace/events.h"

namespace tutti {

// notify-keyspace-events: bits of EventClass, kTellKeyspace and kTellKeyEvent. 0: nobody is told.
extern std::atomic<uint32_t> told_events;

// Publishes an event that is asked for.
void PublishEvent(int db, std::string_view key, const char* name, uint32_t told);

inline void Tell(int db, std::string_view key, const Event& event) {
  const uint32_t told = told_events.load(std::memory_order_relaxed);
  if ((told & static_cast<uint32_t>(event.event_class)) == 0) [[likely]]
    return;
  PublishEvent(db, key, event.name, told);
}

}  // namespace tutti
