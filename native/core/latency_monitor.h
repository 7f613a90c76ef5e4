// What has taken longer than `latency-monitor-threshold`, by the name of the event (LATENCY).
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tutti::latency_monitor {

// Samples of an event that are kept, as in Redis 7.2 (`latency.h`).
inline constexpr size_t kSamplesMax = 160;

struct Sample {
  int64_t unix_seconds;
  int64_t milliseconds;
};

struct Event {
  std::string name;
  int64_t milliseconds_max;     // of all, also of those that are not kept
  std::vector<Sample> samples;  // ascending; the highest of each second
};

// 0: nothing is noted.
void SetThreshold(int64_t milliseconds);

// Notes an event that took so long, if that is too long. `name` is one of a few.
void Note(std::string_view name, int64_t microseconds);

// All that something was noted of, by name.
std::vector<Event> Events();

// Forgets the events of these names, all if there are none. How many there were.
int64_t Reset(const std::vector<std::string>& names);

}  // namespace tutti::latency_monitor
