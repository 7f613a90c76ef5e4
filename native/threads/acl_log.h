// What the access list has refused, of the whole process: what ACL LOG answers.
//
// Threads: any method from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "threads/client_table.h"

namespace tutti {

// As in lib/engine/addon.ts, `denialReasons` and `denialContexts`.
enum class DenialReason : uint8_t { kCommand, kKey, kChannel, kAuth };
inline constexpr size_t kDenialReasonCount = 4;
enum class DenialContext : uint8_t { kTopLevel, kMulti, kScript };

// A longer name of a key, channel or user is cut.
inline constexpr size_t kDeniedNameBytesMax = 1024;
// What is like one of so many entries, the newest, within so long is counted there
// (redis:src/acl.c `addACLLogEntry`).
inline constexpr size_t kDenialLookBackMax = 10;
inline constexpr int64_t kDenialGroupingMs = 60'000;

struct Denial {
  DenialReason reason = DenialReason::kCommand;
  DenialContext context = DenialContext::kTopLevel;
  std::string object, user;
  ClientSnapshot client;  // of the last time; id 0: none, it was a script
};

class AclLog {
 public:
  struct Entry : Denial {
    uint64_t id = 0;  // from 0 on, never used again
    uint64_t count = 0;
    int64_t created_ms = 0, updated_ms = 0;  // Unix time
  };

  static AclLog& Get();  // never destroyed

  // Keeps the newest `length_max` entries.
  void Add(Denial denial, int64_t now_ms, size_t length_max);
  // At most so many, the newest first.
  std::vector<Entry> List(size_t count_max) const;
  void Clear();

  // How often each reason was given, by `DenialReason`, since the start or ResetCounts().
  std::array<uint64_t, kDenialReasonCount> Counts() const;
  void ResetCounts();

 private:
  mutable std::mutex mutex_;   // guards everything below
  std::deque<Entry> entries_;  // the newest first
  uint64_t next_id_ = 0;
  std::array<uint64_t, kDenialReasonCount> counts_{};
};

}  // namespace tutti
