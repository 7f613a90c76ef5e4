// Whole RDB files: a snapshot of the keyspace written, and loaded.
//
// Threads: any; a call takes as long as the disk does. No lock is held while it writes; loading
// takes that of each key's stripe in turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/status.h"
#include "keyspace/snapshot.h"
#include "persistence/bytes.h"
#include "persistence/rdb_writer.h"

namespace tutti {

struct RdbSaveOptions {
  bool compresses = true;     // rdbcompression
  bool with_checksum = true;  // rdbchecksum
  bool with_idle = false;     // maxmemory-policy is one by use: keys come with it
  bool syncs_often = true;    // rdb-save-incremental-fsync
  int64_t key_delay_us = 0;   // rdb-key-save-delay; below 0: one microsecond for so many keys
  bool is_aof_base = false;
  // What stands in front of the keys: redis-ver and the like.
  std::vector<std::pair<std::string, std::string>> aux;
};

struct RdbSaveProgress {
  std::atomic<int64_t> key_count{0};
  std::atomic<bool> is_cancelled{false};
};

// The snapshot as a whole file, with its frame. kShuttingDown: cancelled; else the sink's status.
Status WriteRdb(KeyspaceSnapshot snapshot, const RdbSaveOptions& options, RdbSaveProgress& progress,
                ByteSink& sink);

// The same to `path`, which is replaced once all is on the disk; until then it is written to
// `temporary_path` beside it, which is gone afterwards. kCannotSave with the system's words.
Status SaveRdbFile(KeyspaceSnapshot snapshot, const std::string& path,
                   const std::string& temporary_path, const RdbSaveOptions& options,
                   RdbSaveProgress& progress);

struct RdbLoadOptions {
  int database_count = kDatabaseCountMax;
  int64_t key_delay_us = 0;  // key-load-delay
  // A key that is there already is replaced, where it is an error at the start.
  bool replaces = false;
  // What is worth a line of the log.
  std::function<void(std::string_view)> note;
};

struct RdbLoadProgress {
  std::atomic<int64_t> bytes_total{0}, bytes_loaded{0};
  std::atomic<int64_t> key_count{0}, expired_count{0}, empty_count{0};
};

// Up to the checksum at its end. kBadFormat with reason and offset; kOutOfMemory. Keys are there as
// soon as they are read: who fails to load must not serve them.
Status LoadRdb(ByteSource& source, const RdbLoadOptions& options, RdbLoadProgress& progress);

// kNotFound: there is no such file; kFailed with the system's words.
Status LoadRdbFile(const std::string& path, const RdbLoadOptions& options,
                   RdbLoadProgress& progress);

// Writes the directory's entries to the disk: that a file has been renamed is lost otherwise.
bool SyncFolderOf(const std::string& path);

}  // namespace tutti
