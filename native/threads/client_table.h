// All connected clients of the process: fixed records that their owners update with plain stores,
// and that CLIENT LIST and `maxclients` read without asking anybody.
//
// Threads: Open(), Close(), List(), Find() and count() from any thread. Update(), SetText() and
// Snapshot() only from the thread that opened the record; readers see each number as it was or as
// it becomes, and texts whole (a sequence guard per record).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tutti {

inline constexpr size_t kClientsMax = 65536;

enum class ClientText : uint8_t {
  kAddress,
  kLocalAddress,
  kName,
  kLibName,
  kLibVersion,
  kUser,
  kLastCommand,
  kFlags,
};
inline constexpr size_t kClientTextCount = 8;

// A longer text is cut: the table is for people, the connection keeps what it was told.
inline constexpr std::array<uint16_t, kClientTextCount> kClientTextBytesMax = {118, 118, 254, 62,
                                                                               62,  254, 46,  14};

struct ClientOwner {
  uint32_t thread_index = 0;
  uint32_t connection = 0;  // the owner's own number for it
};

struct ClientIdentity {
  ClientOwner owner;
  int32_t fd = -1;
  std::string_view address, local_address, flags;
};

struct ClientProgress {
  int64_t last_seen_ms = 0;  // Unix time
  int32_t db = 0;
  int32_t resp = 2;
  int32_t multi_count = -1;
  int32_t watch_count = 0;
  int32_t channel_count = 0, pattern_count = 0, shard_channel_count = 0;  // listened to
  // In bytes, as CLIENT LIST names them (lib/server/client-memory.ts).
  int64_t query_bytes = 0, query_unused_bytes = 0, argument_bytes = 0, multi_bytes = 0;
  int64_t reply_block_bytes = 0, reply_peak_bytes = 0, output_bytes = 0;
  int32_t output_count = 0;  // pieces that output_bytes is in
  int64_t memory_bytes = 0;  // all that it takes
  bool is_evictable = true;
};

struct ClientSnapshot {
  uint64_t id = 0;
  ClientOwner owner;
  int32_t fd = -1;
  int64_t created_ms = 0;  // Unix time
  ClientProgress progress;
  std::array<std::string, kClientTextCount> texts;
};

class ClientTable {
 public:
  // The process' table, of kClientsMax records. It is never destroyed.
  static ClientTable& Get();
  // Reserves address space for the records; each page is committed by its first client.
  explicit ClientTable(size_t capacity);
  ~ClientTable();
  ClientTable(const ClientTable&) = delete;
  ClientTable& operator=(const ClientTable&) = delete;

  struct Opened {
    uint64_t id;    // from 1 on, never used again
    uint32_t slot;  // what the owner names the record by until Close()
  };
  // Nothing if `clients_max` clients are there already, or every record is taken.
  std::optional<Opened> Open(const ClientIdentity& identity, int64_t now_ms, size_t clients_max);
  void Close(uint32_t slot);
  void Update(uint32_t slot, const ClientProgress& progress);
  void SetText(uint32_t slot, ClientText which, std::string_view text);

  // A copy of the record at a slot of the calling thread's own.
  ClientSnapshot Snapshot(uint32_t slot) const;
  // Copies of all records, ascending by id. O(clients).
  std::vector<ClientSnapshot> List() const;
  std::optional<ClientOwner> Find(uint64_t id) const;
  // Bytes that all clients take that may be evicted, as far as they have told.
  int64_t evictable_bytes() const { return evictable_bytes_.load(std::memory_order_relaxed); }
  // Kills of them the largest, until they take no more than `max_bytes`.
  struct Evicted {
    uint64_t id;
    ClientOwner owner;
  };
  std::vector<Evicted> EvictLargest(int64_t max_bytes);
  // How many, of all time.
  int64_t evicted_count() const { return evicted_count_.load(std::memory_order_relaxed); }
  // As Find(), and leaves the client out of List() from now on: whoever killed it sees it no more.
  std::optional<ClientOwner> Kill(uint64_t id);
  size_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  struct Record;
  Record& record(uint32_t slot) const;
  // Null if there is no such client. The mutex is held.
  Record* FindRecord(uint64_t id) const;
  // Counts what the client takes; kNotCounted from then on if it is killed or closed.
  void Count(Record& record, int64_t bytes);
  ClientOwner KillRecord(Record& record);

  const size_t capacity_;
  Record* records_ = nullptr;  // `capacity_` of them, mapped
  std::atomic<size_t> count_{0};
  std::atomic<int64_t> evictable_bytes_{0}, evicted_count_{0};
  std::atomic<uint32_t> used_end_{0};  // no record from here on was ever taken

  mutable std::mutex mutex_;  // guards everything below
  uint64_t last_id_ = 0;
  std::vector<uint32_t> free_;  // taken from the back, so that few pages are in use
  std::unordered_map<uint64_t, uint32_t> slot_by_id_;
};

}  // namespace tutti
