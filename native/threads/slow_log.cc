#include "threads/slow_log.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace tutti {

std::vector<std::string> SlowWords(std::span<const std::string_view> words, size_t count) {
  std::vector<std::string> kept;
  const bool is_long = count > kSlowWordsMax;
  const size_t shown_count = is_long ? kSlowWordsMax - 1 : count;
  kept.reserve(shown_count + 1);
  for (const std::string_view word : words.first(shown_count)) {
    std::string text(word.substr(0, kSlowWordBytesMax));
    if (word.size() > kSlowWordBytesMax) {
      text += "... (" + std::to_string(word.size() - kSlowWordBytesMax) + " more bytes)";
    }
    kept.push_back(std::move(text));
  }
  if (is_long) kept.push_back("... (" + std::to_string(count - shown_count) + " more arguments)");
  return kept;
}

SlowLog& SlowLog::Get() {
  static SlowLog& log = *new SlowLog;
  return log;
}

void SlowLog::Add(SlowCommand command) {
  command.unix_seconds = static_cast<int64_t>(std::time(nullptr));
  const std::lock_guard lock(mutex_);
  command.id = next_id_++;
  commands_.push_front(std::move(command));
  while (commands_.size() > length_max_) commands_.pop_back();
}

void SlowLog::SetLengthMax(size_t length) {
  const std::lock_guard lock(mutex_);
  length_max_ = length;
  while (commands_.size() > length_max_) commands_.pop_back();
}

std::vector<SlowCommand> SlowLog::Read(size_t count_max) const {
  const std::lock_guard lock(mutex_);
  const size_t count = std::min(count_max, commands_.size());
  return {commands_.begin(), commands_.begin() + static_cast<std::ptrdiff_t>(count)};
}

size_t SlowLog::Length() const {
  const std::lock_guard lock(mutex_);
  return commands_.size();
}

void SlowLog::Reset() {
  const std::lock_guard lock(mutex_);
  commands_.clear();
}

}  // namespace tutti
