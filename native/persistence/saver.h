// Saves the keyspace to its RDB file, one time after the other, and knows what INFO tells of it.
//
// Threads: any method from any thread. Never destroyed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/status.h"
#include "persistence/rdb_file.h"

namespace tutti {

class Saver {
 public:
  struct Request {
    std::string path;
    std::string temporary_path;  // in the same folder
    RdbSaveOptions options;
    // At nice 10, and counted as BGSAVE is: nobody waits for it.
    bool is_background = false;
  };
  // kShuttingDown: cancelled. Called by the saving thread.
  using Done = std::function<void(const Status&)>;

  struct Facts {
    bool is_saving = false;
    bool is_background = false;
    int64_t key_count = 0;  // of the snapshot that is being saved
    int64_t keys_saved = 0;
    int64_t started_at_s = -1;   // Unix time; of the last one
    int64_t last_save_at_s = 0;  // of the last success, or the start
    bool is_last_ok = true;      // of those in the background
    int64_t last_seconds = -1;   // likewise
    int64_t save_count = 0;
    int64_t changes = 0;  // since what was saved last
  };

  static Saver& Get();

  // Takes a snapshot, here and now, and saves it on a thread of its own; `done` is told. kSaving:
  // one goes on already; kCannotSave: there is no thread.
  Status Start(Request request, Done done);
  // Ends the one that goes on, and waits for that; the file stays as it was.
  void Cancel();
  // Waits for the one that goes on.
  void Wait();
  // What is there now is as on disk: it has been loaded.
  void NoteLoaded();

  Facts facts() const;
  // Saves are counted from 0 again.
  void ResetCount();

 private:
  Saver();
  ~Saver() = delete;
  void Save(Request request, KeyspaceSnapshot snapshot, const Done& done);

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable ended_;
  Facts facts_;
  int64_t saved_dirty_ = 0;  // KeyspaceCounters::dirty of what was saved last
  std::shared_ptr<RdbSaveProgress> progress_;
};

// Loads the file at the start, on a thread of its own.
class StartLoader {
 public:
  struct Facts {
    bool is_loading = false;
    int64_t started_at_s = 0;
    int64_t bytes_total = 0, bytes_loaded = 0;
    int64_t key_count = 0, expired_count = 0, empty_count = 0;
  };

  static StartLoader& Get();

  // Once. maxmemory does not stop it, as it does not stop Redis. `done` is called by the loading
  // thread, with the status of LoadRdbFile().
  void Start(const std::string& path, RdbLoadOptions options,
             std::function<void(const Status&)> done);
  Facts facts() const;

 private:
  StartLoader() = default;
  ~StartLoader() = delete;

  RdbLoadProgress progress_;
  std::atomic<bool> is_loading_{false};
  std::atomic<int64_t> started_at_s_{0};
};

}  // namespace tutti
