#include "threads/acl_log.h"

#include <algorithm>
#include <utility>

namespace tutti {

AclLog& AclLog::Get() {
  static AclLog* const log = new AclLog;
  return *log;
}

void AclLog::Add(Denial denial, int64_t now_ms, size_t length_max) {
  for (std::string* text : {&denial.object, &denial.user}) {
    if (text->size() > kDeniedNameBytesMax) text->resize(kDeniedNameBytesMax);
  }
  const std::lock_guard lock(mutex_);
  counts_[static_cast<size_t>(denial.reason)]++;
  const auto looked_at =
      entries_.begin() + static_cast<ptrdiff_t>(std::min(entries_.size(), kDenialLookBackMax));
  const auto like = std::find_if(entries_.begin(), looked_at, [&](const Entry& entry) {
    return entry.reason == denial.reason && entry.context == denial.context &&
           now_ms - entry.updated_ms <= kDenialGroupingMs && entry.object == denial.object &&
           entry.user == denial.user;
  });
  Entry entry;
  if (like != looked_at) {
    entry = std::move(*like);
    entries_.erase(like);
    entry.client = std::move(denial.client);
  } else {
    static_cast<Denial&>(entry) = std::move(denial);
    entry.id = next_id_++;
    entry.created_ms = now_ms;
  }
  entry.count++;
  entry.updated_ms = now_ms;
  entries_.push_front(std::move(entry));
  if (entries_.size() > length_max) entries_.resize(length_max);
}

std::vector<AclLog::Entry> AclLog::List(size_t count_max) const {
  const std::lock_guard lock(mutex_);
  const auto end = entries_.begin() + static_cast<ptrdiff_t>(std::min(entries_.size(), count_max));
  return {entries_.begin(), end};
}

void AclLog::Clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

std::array<uint64_t, kDenialReasonCount> AclLog::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void AclLog::ResetCounts() {
  const std::lock_guard lock(mutex_);
  counts_ = {};
}

}  // namespace tutti
