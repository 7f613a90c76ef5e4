// The slow log: commands of all threads that took longer than `slowlog-log-slower-than`.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

// Words of a command that are kept, and bytes of each, as in Redis 7.2 (`slowlog.h`).
inline constexpr size_t kSlowWordsMax = 32;
inline constexpr size_t kSlowWordBytesMax = 128;

struct SlowCommand {
  int64_t id = 0;
  int64_t unix_seconds = 0;
  int64_t microseconds = 0;
  std::vector<std::string> words;
  std::string address, name;  // of the client
};

// The words as they are kept: at most kSlowWordsMax, the last of which tells how many more of the
// `count` there were. `words` are the first of them, no fewer than are kept.
std::vector<std::string> SlowWords(std::span<const std::string_view> words, size_t count);

class SlowLog {
 public:
  static SlowLog& Get();  // never destroyed

  // Gives it the next id and the time of now.
  void Add(SlowCommand command);
  // `slowlog-max-len`: the oldest go when there are more.
  void SetLengthMax(size_t length);
  // The newest first.
  std::vector<SlowCommand> Read(size_t count_max) const;
  size_t Length() const;
  void Reset();

 private:
  mutable std::mutex mutex_;          // guards everything below
  std::deque<SlowCommand> commands_;  // the newest first
  size_t length_max_ = 128;
  int64_t next_id_ = 0;
};

}  // namespace tutti
