// Writes the journal's queue to its file, and rewrites what the file holds as a base
// (BGREWRITEAOF). Which files there are is the manifest's matter (lib/persistence).
//
// Threads: any method from any thread, those that start and end something from one at a time. A
// thread of its own writes and syncs. Never destroyed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "keyspace/journal_queue.h"
#include "persistence/rdb_file.h"
#include "threads/mailbox.h"

namespace tutti {

// appendfsync. Values are part of the binding's interface.
enum class SyncPolicy : int32_t { kNo = 0, kEverySecond = 1, kAlways = 2 };

struct JournalSettings {
  SyncPolicy policy = SyncPolicy::kEverySecond;
  bool syncs_during_rewrite = true;     // no-appendfsync-on-rewrite no
  size_t waiting_bytes_max = SIZE_MAX;  // journal-backlog-max
  bool with_stamps = false;             // aof-timestamp-enabled
};

class Journal {
 public:
  enum class Event : int32_t {
    kRewritten = 0,  // or not: the status says why
    kFailed = 1,     // a write has failed, and is tried again
    kRecovered = 2,  // it has succeeded again
    kLost = 3,       // the same with appendfsync always: nothing can be promised any more
  };
  using Listener = std::function<void(Event, const Status&)>;

  struct Rewrite {
    std::string base_path;  // complete and on the disk before kRewritten
    std::string next_path;  // what follows the snapshot goes there; empty: the journal stays off
    bool as_rdb = true;     // aof-use-rdb-preamble
    RdbSaveOptions options;
  };

  struct Facts {
    bool is_on = false;
    bool is_rewriting = false;
    bool is_write_ok = true;
    bool is_rewrite_ok = true;          // the last one, as the two below
    int64_t rewrite_started_at_s = -1;  // Unix time
    int64_t rewrite_seconds = -1;
    int64_t rewrite_count = 0;          // begun since ResetCount()
    int64_t rewrite_failure_count = 0;  // since one succeeded
    int64_t bytes = 0;                  // of all files
    int64_t base_bytes = 0;             // as they were at the start, or after the last rewrite
    int64_t waiting_bytes = 0;
    int64_t delayed_sync_count = 0;
  };

  static Journal& Get();

  void Listen(Listener listener);
  void Set(const JournalSettings& settings);
  // Goes on with a file at its end. `bytes` are those of all files. kFailed: it cannot be opened.
  Status Start(const std::string& path, int64_t bytes);
  // Takes a snapshot and begins the next file at the same moment, and switches the journal on if it
  // is off. kFailed: the next file cannot be made; kSaving: a rewrite goes on.
  Status StartRewrite(Rewrite rewrite);
  // The manifest names the base that kRewritten told of, or could not be written. Until then the
  // rewrite counts as going on: who sees its end may read the manifest.
  void NoteManifest(bool is_written);
  // Ends the rewrite that goes on, and waits for that.
  void CancelRewrite();
  // Switches off, and waits until all is on the disk, unless it cannot be written. Its status.
  Status Stop();
  // Switches on again, behind what was written before Stop().
  void Resume();

  // Tells `completion` once all that has been appended so far is as safe as `policy` promises, or
  // on the disk if `must_sync`. False: it is so already, and nobody is told.
  bool Await(Completion completion, bool must_sync);

  Facts facts() const;
  // Rewrites are counted from 0 again.
  void ResetCount();

 private:
  struct Waiting {
    uint64_t position;
    bool must_sync;
    Completion completion;
  };

  Journal() = default;
  ~Journal() = delete;

  void Run();
  void StartThread();
  // False with error_: then the file ends where it did, or skipped_bytes_ says what is there.
  bool Write(JournalQueue::Batch& batch);
  bool WritePiece(const JournalPiece& piece);
  bool WriteText(const void* data, size_t bytes);
  void Finish(JournalQueue::Batch& batch);
  bool Sync();
  void Report(bool is_ok);
  bool IsSyncDue() const;
  void TellWaiting();
  void WriteBase(Rewrite rewrite, KeyspaceSnapshot snapshot, std::shared_ptr<RdbSaveProgress>);
  void Tell(Event event, const Status& status) const;

  mutable std::mutex mutex_;  // guards everything below, but what only the writing thread uses
  std::condition_variable changed_;
  Listener listener_;
  JournalSettings settings_;
  bool has_thread_ = false;
  bool is_rewriting_ = false;
  bool is_manifest_due_ = false;  // the base is complete, and no manifest names it
  bool is_write_ok_ = true;
  std::shared_ptr<RdbSaveProgress> rewrite_;
  std::vector<int> next_files_;
  std::vector<Waiting> waiting_;
  uint64_t written_ = 0;  // positions
  uint64_t synced_ = 0;
  int64_t bytes_ = 0;
  int64_t base_bytes_ = 0;
  int64_t bytes_before_rewrite_ = 0;
  int64_t delayed_sync_count_ = 0;
  bool is_rewrite_ok_ = true;
  int64_t rewrite_started_at_s_ = -1;
  int64_t rewrite_seconds_ = -1;
  int64_t rewrite_count_ = 0;
  int64_t rewrite_failure_count_ = 0;
  std::string failure_;  // why the file cannot be written; "" if it can

  // The writing thread's.
  int fd_ = -1;
  int64_t file_bytes_ = 0;
  int64_t batch_bytes_ = 0;
  size_t skipped_bytes_ = 0;
  int64_t synced_at_ms_ = 0;
  bool is_dirty_ = false;  // written and not synced
  std::string error_;      // of the last write
};

}  // namespace tutti
