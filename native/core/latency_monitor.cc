#include "core/latency_monitor.h"

#include <algorithm>
#include <atomic>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>

namespace tutti::latency_monitor {

namespace {

struct Series {
  int64_t milliseconds_max = 0;
  std::deque<Sample> samples;
};

std::atomic<int64_t> threshold_ms{0};
std::mutex mutex;  // guards `all`
// Never destroyed: background threads may outlive the end of main().
std::map<std::string, Series, std::less<>>& all = *new std::map<std::string, Series, std::less<>>;

}  // namespace

void SetThreshold(int64_t milliseconds) {
  threshold_ms.store(milliseconds, std::memory_order_relaxed);
}

void Note(std::string_view name, int64_t microseconds) {
  const int64_t threshold = threshold_ms.load(std::memory_order_relaxed);
  const int64_t milliseconds = microseconds / 1000;
  if (threshold <= 0 || milliseconds < threshold) return;
  const auto now = static_cast<int64_t>(std::time(nullptr));
  const std::lock_guard lock(mutex);
  auto found = all.find(name);
  if (found == all.end()) found = all.emplace(name, Series{}).first;
  Series& series = found->second;
  series.milliseconds_max = std::max(series.milliseconds_max, milliseconds);
  if (!series.samples.empty() && series.samples.back().unix_seconds == now) {
    int64_t& last = series.samples.back().milliseconds;
    last = std::max(last, milliseconds);
    return;
  }
  if (series.samples.size() >= kSamplesMax) series.samples.pop_front();
  series.samples.push_back({now, milliseconds});
}

std::vector<Event> Events() {
  std::vector<Event> events;
  const std::lock_guard lock(mutex);
  for (const auto& [name, series] : all) {
    events.push_back(
        {name, series.milliseconds_max, {series.samples.begin(), series.samples.end()}});
  }
  return events;
}

int64_t Reset(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex);
  if (names.empty()) {
    const auto count = static_cast<int64_t>(all.size());
    all.clear();
    return count;
  }
  int64_t count = 0;
  for (const std::string& name : names) count += static_cast<int64_t>(all.erase(name));
  return count;
}

}  // namespace tutti::latency_monitor
